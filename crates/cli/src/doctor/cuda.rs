//! CUDA: the driver, libtorch's half, the devices; or which of them is missing.

use serde_json::json;
use xfer_backbones::device::{self, Driver, Libtorch};

use super::report::{Report, Standing, bytes};

/// What there is, and whether it must be there.
#[derive(Debug)]
pub(super) struct Cuda {
    /// The device of `--device cuda[:N]`.
    asked: Option<usize>,
    /// Devices that libtorch can use, or why none.
    usable: Result<usize, String>,
    driver: Result<Driver, String>,
}

/// Loads CUDA, if it is here.
pub(super) fn examine(device: &str) -> Cuda {
    let asked = match device {
        "cuda" => Some(0),
        name => name.strip_prefix("cuda:").and_then(|number| number.parse().ok()),
    };
    if device == "cpu" {
        let reason = "not looked for, as --device cpu asks".to_owned();
        return Cuda { asked, usable: Err(reason.clone()), driver: Err(reason) };
    }
    Cuda { asked, usable: device::load_cuda().clone(), driver: device::driver() }
}

impl Cuda {
    pub(super) fn tell(&self, libtorch: Option<&Libtorch>, report: &mut Report) {
        let gpus = self.driver.as_ref().map_or(&[][..], |driver| &driver.gpus);
        report.fact(
            "cuda",
            json!({
                "usable": self.usable.is_ok(),
                "reason": self.usable.as_ref().err(),
                "driver_supports": self.driver.as_ref().ok().map(|driver| version(driver.cuda)),
                "libtorch_needs": libtorch.and_then(Libtorch::cuda).map(version),
                "devices": gpus.iter().map(|gpu| json!({
                    "name": gpu.name,
                    "memory_bytes": gpu.memory,
                    "compute_capability": version(gpu.compute_capability),
                })).collect::<Vec<_>>(),
            }),
        );
        // Only who asked for it is stopped by its absence.
        let standing = if self.asked.is_some() { Standing::Broken } else { Standing::Note };
        match &self.usable {
            Ok(count) => {
                for (number, gpu) in gpus.iter().enumerate() {
                    let (memory, capability) = (bytes(gpu.memory), version(gpu.compute_capability));
                    report
                        .good("CUDA", format!("cuda:{number} {}, {memory}, compute capability {capability}", gpu.name));
                }
                if gpus.is_empty() {
                    report.good("CUDA", format!("{count} devices"));
                }
                if let Some(asked) = self.asked.filter(|asked| asked >= count) {
                    let text = format!("cuda:{asked} was asked for, and there are {count}, from 0");
                    report.broken("CUDA", text, "choose one of these with --device");
                }
            }
            Err(reason) => {
                report.add("CUDA", standing, format!("none: {reason}"), self.advice(libtorch));
            }
        }
    }

    /// The first thing that is missing, in the order in which things build on each other.
    fn advice(&self, libtorch: Option<&Libtorch>) -> String {
        let Ok(driver) = &self.driver else {
            return "a machine without an NVIDIA GPU computes on the processor; one with it needs NVIDIA's driver \
                    (`nvidia-smi` must list the GPU; containers need `--gpus all`)"
                .to_owned();
        };
        if driver.gpus.is_empty() {
            return "the driver is here and shows no device to this process: see `nvidia-smi`, CUDA_VISIBLE_DEVICES, and \
                    the devices that a container was given"
                .to_owned();
        }
        if libtorch.is_some_and(|libtorch| !libtorch.has_cuda) {
            return "this libtorch has no CUDA: `cargo xtask setup --cuda` and `cargo build --release`; or start with \
                    LD_LIBRARY_PATH=FOLDER, the `torch/lib` of a Python that has torch 2.11.0 with CUDA"
                .to_owned();
        }
        if let Some(needed) = libtorch.and_then(Libtorch::cuda)
            && driver.cuda < (needed.0, 0)
        {
            let (has, needed) = (version(driver.cuda), version(needed));
            return format!(
                "the driver supports CUDA {has}, and this libtorch is built for {needed}: install a newer driver"
            );
        }
        "libtorch's CUDA libraries do not load or do not start: `torch` and `nvidia` must lie side by side as their wheels \
         unpack them, and no other CUDA may come before them in LD_LIBRARY_PATH"
            .to_owned()
    }
}

fn version((major, minor): (i32, i32)) -> String {
    format!("{major}.{minor}")
}

#[cfg(test)]
mod tests {
    use xfer_backbones::device::Gpu;

    use super::*;

    fn told(cuda: &Cuda, version: &str, has_cuda: bool) -> serde_json::Value {
        let libtorch = Libtorch { folder: "/opt/lib".into(), version: Some(version.to_owned()), has_cuda };
        let mut report = Report::default();
        cuda.tell(Some(&libtorch), &mut report);
        report.document()
    }

    fn driver(cuda: (i32, i32), gpus: usize) -> Result<Driver, String> {
        let gpu = Gpu { name: "Some GPU".to_owned(), memory: 80 << 30, compute_capability: (9, 0) };
        Ok(Driver { cuda, gpus: vec![gpu; gpus] })
    }

    #[test]
    fn the_first_thing_missing_is_what_is_advised() {
        let none = || Err("x".to_owned());
        for (driver, has_cuda, word) in [
            (Err("no driver".to_owned()), false, "nvidia-smi"),
            (driver((13, 0), 0), true, "CUDA_VISIBLE_DEVICES"),
            (driver((13, 0), 1), false, "setup --cuda"),
            (driver((12, 8), 1), true, "newer driver"),
            (driver((13, 2), 1), true, "side by side"),
        ] {
            for (asked, standing) in [(None, "note"), (Some(0), "broken")] {
                let cuda = Cuda { asked, usable: none(), driver: driver.clone() };
                let document = told(&cuda, "2.11.0+cu130", has_cuda);
                let finding = &document["findings"][0];
                assert_eq!(finding["standing"], standing, "{word}");
                assert!(finding["advice"].as_str().unwrap().contains(word), "{finding}");
            }
        }
    }

    #[test]
    fn devices_are_listed_and_one_too_many_is_broken() {
        let cuda = |asked| Cuda { asked, usable: Ok(2), driver: driver((13, 0), 2) };
        let document = told(&cuda(Some(1)), "2.11.0+cu130", true);
        assert_eq!((&document["ok"], &document["cuda"]["usable"]), (&json!(true), &json!(true)));
        assert_eq!(document["findings"][1]["text"], "cuda:1 Some GPU, 80.00 GiB, compute capability 9.0");
        let document = told(&cuda(Some(2)), "2.11.0+cu130", true);
        assert_eq!(document["ok"], false, "{document}");
    }
}
