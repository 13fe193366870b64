//! Where the arithmetic runs: the CPU or a CUDA device, found when the program runs.
//!
//! One executable serves both. It is linked against libtorch's CPU libraries only; CUDA is there once
//! `libtorch_cuda.so`, which lies beside them, has been loaded. libtorch asks for CUDA once and keeps the answer for the
//! life of the process, so [`select`] (or [`load_cuda`]) has to come before any other use of libtorch.

mod driver;
mod libtorch;
mod math;
pub(crate) mod symbols;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::BackboneError;

pub use driver::{Driver, Gpu};
pub use libtorch::{LIBTORCH_RELEASE, Libtorch};
pub use math::CudaMath;

/// A device that a backbone can be put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Device {
    /// The processor.
    Cpu,
    /// The CUDA device of this number, from 0.
    Cuda(usize),
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => f.pad("cpu"),
            Self::Cuda(index) => f.pad(&format!("cuda:{index}")),
        }
    }
}

impl Device {
    /// Whether convolutions on it take sums and rectifiers along, as libtorch's fused ones do where it has them.
    pub fn has_fused_convolutions(self) -> bool {
        self == Self::Cpu && crate::plan::has_fused_convolutions()
    }

    /// Makes sure that the device is there, and names it to libtorch.
    pub(crate) fn open(self) -> Result<tch::Device, BackboneError> {
        match self {
            Self::Cpu => Ok(tch::Device::Cpu),
            Self::Cuda(index) => {
                let count = load_cuda()
                    .as_ref()
                    .map_err(|reason| BackboneError::CudaUnavailable { index, reason: reason.clone() })?;
                if index < *count {
                    Ok(tch::Device::Cuda(index))
                } else {
                    Err(BackboneError::CudaUnavailable { index, reason: format!("there are {count} devices, from 0") })
                }
            }
        }
    }
}

/// Finds the device of a name: `cpu`, `cuda` (the first), `cuda:N`, or `auto`: the first CUDA device if there is one.
///
/// Call it before anything else that uses libtorch.
///
/// # Errors
/// When the name is none of these, or CUDA is asked for and cannot be used; the error says what was looked for.
pub fn select(name: &str) -> Result<Device, BackboneError> {
    let device = match name {
        "cpu" => Device::Cpu,
        "auto" => match load_cuda() {
            Ok(_) => Device::Cuda(0),
            Err(_) => Device::Cpu,
        },
        "cuda" => Device::Cuda(0),
        _ => {
            let index = name.strip_prefix("cuda:").and_then(|n| n.parse().ok());
            Device::Cuda(index.ok_or_else(|| BackboneError::UnknownDevice { name: name.to_owned() })?)
        }
    };
    device.open()?;
    Ok(device)
}

/// Loads libtorch's CUDA half, once, and gives the number of devices, or says why there are none.
pub fn load_cuda() -> &'static Result<usize, String> {
    static LOADED: OnceLock<Result<usize, String>> = OnceLock::new();
    LOADED.get_or_init(|| {
        // The driver's library first: without it libtorch_cuda would be loaded (half a second, 300 MB) for nothing.
        load_driver()?;
        if driver::ask().is_ok_and(|driver| driver.gpus.is_empty()) {
            return Err("NVIDIA's driver shows no device to this process".to_owned());
        }
        let folder = libtorch::loaded_folder().ok_or("the folder of the loaded libtorch_cpu.so is not known")?;
        let library = folder.join(libtorch::CUDA_LIBRARY);
        if !library.exists() {
            return Err(format!("`{}` is not there: this libtorch is built for the CPU only", library.display()));
        }
        load(&library).map_err(|e| format!("`{}` cannot be loaded ({e})", library.display()))?;
        let count = match usize::try_from(tch::Cuda::device_count()) {
            Ok(count) if count > 0 && tch::Cuda::is_available() => count,
            _ => return Err(format!("`{}` is loaded, but it finds no usable device", library.display())),
        };
        math::apply(CudaMath::default())?;
        Ok(count)
    })
}

/// Sets what CUDA may do to be faster; holds for the process, from the next batch on. Without a call,
/// [`CudaMath::default`] holds.
///
/// # Errors
/// When CUDA cannot be used here, or this libtorch cannot be told.
pub fn set_cuda_math(math: CudaMath) -> Result<(), BackboneError> {
    let applied = match load_cuda() {
        Ok(_) => math::apply(math),
        Err(reason) => Err(reason.clone()),
    };
    applied.map_err(|reason| BackboneError::CudaUnavailable { index: 0, reason })
}

/// What NVIDIA's driver says of itself and its devices, whatever libtorch can make of them; or why nothing can be said.
pub fn driver() -> Result<Driver, String> {
    load_driver()?;
    driver::ask()
}

/// Threads that backbones use; 0 until it is known.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Sets how many threads a backbone uses, on whatever thread it is called. Results do not depend on it.
///
/// # Errors
/// When `threads` is 0 or beyond what libtorch counts.
pub fn set_threads(threads: usize) -> Result<(), BackboneError> {
    if !(1..=4096).contains(&threads) {
        return Err(BackboneError::Setting {
            what: "thread count",
            value: threads.to_string(),
            reason: "it must lie in 1..=4096",
        });
    }
    THREADS.store(threads, Ordering::Relaxed);
    use_threads(threads);
    Ok(())
}

/// How many threads a backbone uses: what was set, else as many as libtorch takes by itself, one a core.
pub fn threads() -> usize {
    match THREADS.load(Ordering::Relaxed) {
        0 => {
            let threads = usize::try_from(tch::get_num_threads()).unwrap_or(1).max(1);
            // Kept, since the number that libtorch tells changes with every `use_threads`.
            match THREADS.compare_exchange(0, threads, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => threads,
                Err(set) => set,
            }
        }
        set => set,
    }
}

/// Has libtorch use this many threads for one operation of the calling thread.
pub(crate) fn use_threads(threads: usize) {
    tch::set_num_threads(i32::try_from(threads).unwrap_or(1));
}

fn load_driver() -> Result<(), String> {
    load("libcuda.so.1").map_err(|e| format!("no NVIDIA driver was found ({e})"))
}

/// Loads a library for good, with its symbols visible to all, as if it had been linked; or gives the loader's words,
/// which name the library that is missing where it is one that this one needs.
#[cfg(unix)]
fn load(name: impl libloading::AsFilename) -> Result<(), String> {
    use std::error::Error as _;

    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: the initialisers of NVIDIA's driver and of libtorch_cuda are made to run in any process that links them;
    // they ask nothing of the caller.
    let library = unsafe { Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL) }
        .map_err(|error| error.source().map_or_else(|| error.to_string(), ToString::to_string))?;
    // Kernels have registered themselves with libtorch: unloading would leave dangling pointers.
    std::mem::forget(library);
    Ok(())
}

/// CUDA is looked for on Unix only.
#[cfg(not(unix))]
fn load(_: impl libloading::AsFilename) -> Result<(), String> {
    Err("CUDA is supported on Linux only".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_or_refused() {
        assert_eq!(select("cpu").unwrap(), Device::Cpu);
        assert_eq!(Device::Cuda(2).to_string(), "cuda:2");
        for name in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
            let error = select(name).unwrap_err();
            assert!(matches!(error, BackboneError::UnknownDevice { .. }), "{error}");
        }
    }

    #[test]
    fn cuda_is_used_where_it_is_and_explained_where_it_is_not() {
        match load_cuda() {
            Ok(count) => {
                assert_eq!(select("auto").unwrap(), Device::Cuda(0));
                assert_eq!(select(&format!("cuda:{}", count - 1)).unwrap(), Device::Cuda(count - 1));
            }
            Err(reason) => {
                assert_eq!(select("auto").unwrap(), Device::Cpu);
                let message = select("cuda:1").unwrap_err().to_string();
                assert!(message.starts_with("CUDA device 1 cannot be used: "), "{message}");
                assert!(message.contains(reason.as_str()));
            }
        }
        let message = select("cuda:9999").unwrap_err().to_string();
        assert!(message.contains("9999"), "{message}");
    }

    #[test]
    fn the_driver_is_asked_or_its_absence_explained() {
        match driver() {
            Ok(driver) => assert!(driver.cuda.0 > 0, "{driver:?}"),
            Err(reason) => assert!(reason.contains("NVIDIA"), "{reason}"),
        }
        let reason = load("libno-such-library.so.1").unwrap_err();
        assert!(reason.contains("libno-such-library.so.1"), "{reason}");
        if load_cuda().is_err() {
            let message = set_cuda_math(CudaMath { tf32: true, autotune: false }).unwrap_err().to_string();
            assert!(message.contains("cannot be used"), "{message}");
        }
    }

    #[test]
    fn thread_counts_outside_the_range_are_refused() {
        assert!(set_threads(0).is_err());
        assert!(set_threads(usize::MAX).is_err());
    }
}
