//! Files that users name for results.

use std::path::Path;

use anyhow::bail;

/// Refuses to replace a file that is there, before any work is done.
pub(crate) fn check_vacant(path: &Path, overwrite: bool) -> anyhow::Result<()> {
    if !overwrite && path.symlink_metadata().is_ok() {
        bail!("{}: already there; choose another --output, or pass --overwrite", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_replaced_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        check_vacant(&path, false).unwrap();
        std::fs::write(&path, "").unwrap();
        let message = check_vacant(&path, false).unwrap_err().to_string();
        assert!(message.contains("rows.csv: already there") && message.contains("--overwrite"), "{message}");
        check_vacant(&path, true).unwrap();
    }
}
