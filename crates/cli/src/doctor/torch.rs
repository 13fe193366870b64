//! libtorch: which one the loader took.

use serde_json::json;
use xfer_backbones::device::{LIBTORCH_RELEASE, Libtorch};

use super::cpu::Cpu;
use super::report::Report;

pub(super) fn tell(libtorch: Option<&Libtorch>, cpu: &Cpu, report: &mut Report) {
    let kernels = cpu.libtorch_kernels(std::env::var("ATEN_CPU_CAPABILITY").ok().as_deref());
    let Some(found) = libtorch else {
        report.note("libtorch", "loaded, but from where is not known", "the system has no /proc/self/maps");
        return;
    };
    report.fact(
        "libtorch",
        json!({
            "folder": found.folder,
            "version": found.version,
            "needed": LIBTORCH_RELEASE,
            "cuda_library": found.has_cuda,
            "kernels": kernels,
        }),
    );
    let folder = found.folder.display();
    match (&found.version, found.release()) {
        (Some(version), Some(LIBTORCH_RELEASE)) => {
            report.good("libtorch", format!("{version} in {folder}, {kernels} kernels"));
        }
        (Some(version), _) => report.broken(
            "libtorch",
            format!("{version} in {folder}, and {LIBTORCH_RELEASE} is needed"),
            "`cargo xtask setup` puts the right one in place; LD_LIBRARY_PATH may lead to another",
        ),
        (None, _) => report.note(
            "libtorch",
            format!("in {folder}, {kernels} kernels; nothing beside it says which version"),
            format!("{LIBTORCH_RELEASE} is needed"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_release_is_broken() {
        let standing = |version: Option<&str>| {
            let found = Libtorch { folder: "/opt/lib".into(), version: version.map(str::to_owned), has_cuda: false };
            let mut report = Report::default();
            tell(Some(&found), &Cpu::of_this_machine(), &mut report);
            report.document()["findings"][0]["standing"].as_str().unwrap().to_owned()
        };
        assert_eq!(standing(Some("2.11.0+cu130")), "ok");
        assert_eq!(standing(Some("2.12.0")), "broken");
        assert_eq!(standing(None), "note");
    }
}
