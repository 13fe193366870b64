//! Which libtorch the process runs with.

use std::fs;
use std::path::{Path, PathBuf};

/// The release that this crate is built for; another one may have other functions under the same names.
pub const LIBTORCH_RELEASE: &str = "2.11.0";

/// A libtorch in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Libtorch {
    /// Folder of its libraries.
    pub folder: PathBuf,
    /// Such as `2.11.0+cu130`, where a file beside it tells.
    pub version: Option<String>,
    /// Whether the CUDA half lies beside it.
    pub has_cuda: bool,
}

impl Libtorch {
    /// The one that was loaded, by the process' own account.
    pub fn loaded() -> Option<Self> {
        let folder = loaded_folder()?;
        let version = folder.parent().and_then(version);
        let has_cuda = folder.join(CUDA_LIBRARY).exists();
        Some(Self { folder, version, has_cuda })
    }

    /// The release within the version: `2.11.0` of `2.11.0+cu130`.
    pub fn release(&self) -> Option<&str> {
        self.version.as_deref().map(|version| version.split_once('+').map_or(version, |(release, _)| release))
    }

    /// The CUDA that it was built with, major and minor: 13 and 0 of `2.11.0+cu130`.
    pub fn cuda(&self) -> Option<(i32, i32)> {
        let digits = self.version.as_deref()?.split_once("+cu")?.1;
        let (major, minor) = digits.split_at_checked(digits.len().checked_sub(1)?)?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    }
}

pub(super) const CUDA_LIBRARY: &str = "libtorch_cuda.so";

/// Folder of the libtorch that this process runs with.
pub(super) fn loaded_folder() -> Option<PathBuf> {
    // The maps of the process name the file that the loader really took, whatever search path led to it.
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    folder_in_maps(&maps)
}

fn folder_in_maps(maps: &str) -> Option<PathBuf> {
    maps.lines()
        .filter_map(|line| line.find('/').map(|start| Path::new(&line[start..])))
        .find(|path| path.file_name().is_some_and(|name| name == "libtorch_cpu.so"))
        .and_then(Path::parent)
        .map(Path::to_owned)
}

/// From `build-version` of an unpacked archive, else `version.py` of an installed package.
fn version(root: &Path) -> Option<String> {
    let text = |name: &str| fs::read_to_string(root.join(name)).ok();
    let python = |text: String| {
        let value =
            text.lines().find_map(|line| line.trim().strip_prefix("__version__")?.trim_start().strip_prefix('='))?;
        Some(value.trim().trim_matches(['\'', '"']).to_owned())
    };
    let found = text("build-version").map(|text| text.trim().to_owned()).or_else(|| python(text("version.py")?));
    found.filter(|version| !version.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorch_is_found_among_the_maps() {
        let libtorch = Libtorch::loaded().unwrap();
        assert!(libtorch.folder.join("libtorch_cpu.so").exists());
        let maps = "7f00-7f01 r--p 00000000 08:01 42    /opt/my torch/lib/libtorch_cpu.so\n";
        assert_eq!(folder_in_maps(maps).unwrap(), Path::new("/opt/my torch/lib"));
        assert_eq!(folder_in_maps("7f00-7f01 r--p 00000000 00:00 0\n"), None);
    }

    #[test]
    fn versions_are_read_as_archives_and_packages_write_them() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(version(folder.path()), None);
        fs::write(folder.path().join("version.py"), "import x\n__version__ = '2.11.0+cu130'\ndebug = False\n").unwrap();
        assert_eq!(version(folder.path()).as_deref(), Some("2.11.0+cu130"));
        fs::write(folder.path().join("build-version"), "2.11.0+cpu\n").unwrap();
        assert_eq!(version(folder.path()).as_deref(), Some("2.11.0+cpu"));
    }

    #[test]
    fn a_version_says_its_release_and_its_cuda() {
        let of =
            |version: &str| Libtorch { folder: PathBuf::new(), version: Some(version.to_owned()), has_cuda: false };
        assert_eq!((of("2.11.0+cu130").release(), of("2.11.0+cu130").cuda()), (Some("2.11.0"), Some((13, 0))));
        assert_eq!((of("2.11.0").release(), of("2.11.0").cuda()), (Some("2.11.0"), None));
        for odd in ["2.11.0+cu", "2.11.0+cux", "2.11.0+cpu", ""] {
            assert_eq!(of(odd).cuda(), None, "{odd}");
        }
    }
}
