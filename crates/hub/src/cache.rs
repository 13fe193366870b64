//! Where files live: this project's cache, and Keras' own folder.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::HubError;

/// This project's folder in the user's cache: `$XFER_CACHE_DIR`, else `$XDG_CACHE_HOME/xfer`, else `~/.cache/xfer`.
///
/// # Errors
///
/// [`HubError::NoCacheDir`] where none of the three is known.
pub fn cache_dir() -> Result<PathBuf, HubError> {
    cache_dir_from(|name| std::env::var_os(name), std::env::home_dir())
}

/// Where Keras keeps the models that it downloaded: `$KERAS_HOME/models`, else `~/.keras/models`.
#[must_use]
pub fn keras_models_dir() -> Option<PathBuf> {
    keras_models_dir_from(|name| std::env::var_os(name), std::env::home_dir())
}

fn cache_dir_from(variable: impl Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Result<PathBuf, HubError> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("XFER_CACHE_DIR") {
        return std::path::absolute(&folder).map_err(|source| HubError::Io {
            path: folder,
            stage: "resolve the cache folder",
            source,
        });
    }
    // The XDG base directory specification has relative paths ignored.
    set("XDG_CACHE_HOME")
        .filter(|folder| folder.is_absolute())
        .or_else(|| home.map(|home| home.join(".cache")))
        .map(|folder| folder.join("xfer"))
        .ok_or(HubError::NoCacheDir)
}

fn keras_models_dir_from(variable: impl Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    variable("KERAS_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| home.map(|home| home.join(".keras")))
        .map(|folder| folder.join("models"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn with<'a>(pairs: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
    }

    fn home() -> Option<PathBuf> {
        Some(PathBuf::from("/home/ada"))
    }

    #[test]
    fn the_cache_follows_its_variables_in_order() {
        let both = [("XFER_CACHE_DIR", "/big/x"), ("XDG_CACHE_HOME", "/xdg")];
        for (pairs, expected) in [
            (&both[..], "/big/x"),
            (&both[1..], "/xdg/xfer"),
            (&[], "/home/ada/.cache/xfer"),
            (&[("XFER_CACHE_DIR", ""), ("XDG_CACHE_HOME", "relative")], "/home/ada/.cache/xfer"),
        ] {
            assert_eq!(cache_dir_from(with(pairs), home()).unwrap(), Path::new(expected));
        }
    }

    #[test]
    fn no_home_and_no_variable_is_an_error() {
        assert!(matches!(cache_dir_from(with(&[]), None), Err(HubError::NoCacheDir)));
    }

    #[test]
    fn keras_home_is_honoured() {
        assert_eq!(keras_models_dir_from(with(&[("KERAS_HOME", "/k")]), home()), Some(PathBuf::from("/k/models")));
        assert_eq!(keras_models_dir_from(with(&[]), home()), Some(PathBuf::from("/home/ada/.keras/models")));
    }
}
