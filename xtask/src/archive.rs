//! Unpacking zip archives and wheels, which are zip archives too.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use zip::ZipArchive;

/// A zip archive on disk.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
}

impl Archive {
    pub(crate) fn open(path: &Path) -> Result<Archive> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let zip = ZipArchive::new(BufReader::new(file))
            .with_context(|| format!("{} is not a complete zip archive", path.display()))?;
        Ok(Archive { path: path.to_owned(), zip })
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.zip.index_for_name(name).is_some()
    }

    /// Names of the entries, those that are no text left out.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.zip.file_names().filter_map(|name| Some(name.ok()?.into_owned()))
    }

    /// The text of one entry.
    pub(crate) fn text(&mut self, name: &str) -> Result<String> {
        let mut text = String::new();
        self.zip
            .by_name(name)
            .map_err(io::Error::from)
            .and_then(|mut entry| entry.read_to_string(&mut text))
            .with_context(|| format!("cannot read {name} in {}", self.path.display()))?;
        Ok(text)
    }

    /// Writes every file for which `place` gives a path, relative to `folder`. Answers with their number.
    ///
    /// Names that lead out of the archive's own folder are refused, links are passed over, and more than `limit` bytes
    /// in all is an error: an archive from elsewhere must not fill the disk.
    pub(crate) fn unpack(
        &mut self,
        folder: &Path,
        limit: u64,
        place: impl Fn(&Path) -> Option<PathBuf>,
    ) -> Result<usize> {
        let archive = self.path.display().to_string();
        let (mut files, mut left) = (0, limit);
        for index in 0..self.zip.len() {
            let entry = self.zip.by_index(index).with_context(|| format!("{archive}: entry {index} is damaged"))?;
            if !entry.is_file() {
                continue;
            }
            let name = entry.name().map_or_else(|_| format!("entry {index}"), std::borrow::Cow::into_owned);
            let Some(inner) = entry.enclosed_name() else {
                bail!("{archive}: refusing {name:?}, which leads out of the archive's folder");
            };
            let Some(relative) = place(&inner) else {
                continue;
            };
            let target = folder.join(relative);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
            }
            let file = File::create(&target).with_context(|| format!("cannot create {}", target.display()))?;
            let mut writer = BufWriter::with_capacity(1 << 20, file);
            // One byte beyond what is left shows that there is more; the size in the header may lie.
            let copied = io::copy(&mut entry.take(left + 1), &mut writer)
                .and_then(|copied| writer.into_inner().map(|_| copied).map_err(io::IntoInnerError::into_error))
                .with_context(|| format!("cannot unpack {name} from {archive} to {}", target.display()))?;
            let Some(rest) = left.checked_sub(copied) else {
                bail!("{archive} unpacks to more than {limit} bytes");
            };
            left = rest;
            files += 1;
        }
        Ok(files)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// An archive of these files.
    pub(crate) fn write(path: &Path, files: &[(&str, &[u8])]) {
        let mut zip = ZipWriter::new(File::create(path).unwrap());
        for (name, content) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap();
    }

    fn everything(path: &Path) -> Option<PathBuf> {
        Some(path.to_owned())
    }

    #[test]
    fn chosen_files_land_where_they_are_placed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        write(&path, &[("torch/lib/a.so", b"library"), ("torch/x.py", b"python")]);
        let mut archive = Archive::open(&path).unwrap();
        let out = folder.path().join("out");
        let files = archive.unpack(&out, 100, |path| path.strip_prefix("torch/lib").ok().map(Path::to_owned)).unwrap();
        assert_eq!(files, 1);
        assert_eq!(fs::read(out.join("a.so")).unwrap(), b"library");
        assert_eq!(archive.text("torch/x.py").unwrap(), "python");
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        for name in ["../evil", "a/../../evil", "/evil"] {
            write(&path, &[(name, b"x")]);
            let out = folder.path().join("deep/out");
            let result = Archive::open(&path).unwrap().unpack(&out, 100, everything);
            let outside = [folder.path().join("deep/evil"), folder.path().join("evil"), PathBuf::from("/evil")];
            assert!(outside.iter().all(|path| !path.exists()), "{name} escaped");
            if name.contains("..") {
                let error = format!("{:#}", result.expect_err("leads out"));
                assert!(error.contains("leads out"), "{error}");
            }
        }
    }

    #[test]
    fn too_much_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        write(&path, &[("a", &[0; 60]), ("b", &[0; 60])]);
        let error = Archive::open(&path).unwrap().unpack(folder.path(), 100, everything).expect_err("120 bytes");
        assert!(error.to_string().contains("more than 100 bytes"), "{error}");
    }

    #[test]
    fn a_web_page_is_no_archive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        fs::write(&path, "<html>please log in</html>").unwrap();
        let error = Archive::open(&path).expect_err("html").to_string();
        assert!(error.contains("is not a complete zip archive"), "{error}");
    }
}
