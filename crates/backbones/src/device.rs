//! Where the arithmetic runs: the CPU or a CUDA device, found when the program runs.
//!
//! One executable serves both. It is linked against libtorch's CPU libraries only; CUDA is there once
//! `libtorch_cuda.so`, which lies beside them, has been loaded. libtorch asks for CUDA once and keeps the answer for the
//! life of the process, so [`select`] (or [`load_cuda`]) has to come before any other use of libtorch.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::BackboneError;

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
        load("libcuda.so.1").map_err(|e| format!("no NVIDIA driver was found ({e})"))?;
        let folder = libtorch_folder().ok_or("the folder of the loaded libtorch_cpu.so is not known")?;
        let library = folder.join("libtorch_cuda.so");
        if !library.exists() {
            return Err(format!("`{}` is not there: this libtorch is built for the CPU only", library.display()));
        }
        load(&library).map_err(|e| format!("`{}` cannot be loaded ({e})", library.display()))?;
        match usize::try_from(tch::Cuda::device_count()) {
            Ok(count) if count > 0 && tch::Cuda::is_available() => Ok(count),
            _ => Err(format!("`{}` is loaded, but it finds no usable device", library.display())),
        }
    })
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

/// Folder of the libtorch that this process runs with.
fn libtorch_folder() -> Option<PathBuf> {
    // The maps of the process name the file that the loader really took, whatever search path led to it.
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    folder_in_maps(&maps)
}

fn folder_in_maps(maps: &str) -> Option<PathBuf> {
    maps.lines()
        .filter_map(|line| line.find('/').map(|start| Path::new(&line[start..])))
        .find(|path| path.file_name().is_some_and(|name| name == "libtorch_cpu.so"))
        .and_then(Path::parent)
        .map(Path::to_owned)
}

/// Loads a library for good, with its symbols visible to all, as if it had been linked.
#[cfg(unix)]
fn load(name: impl libloading::AsFilename) -> Result<(), libloading::Error> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: the initialisers of NVIDIA's driver and of libtorch_cuda are made to run in any process that links them;
    // they ask nothing of the caller.
    let library = unsafe { Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL) }?;
    // Kernels have registered themselves with libtorch: unloading would leave dangling pointers.
    std::mem::forget(library);
    Ok(())
}

/// CUDA is looked for on Unix only.
#[cfg(not(unix))]
fn load(_: impl libloading::AsFilename) -> Result<(), &'static str> {
    Err("CUDA is supported on Linux only")
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
    fn libtorch_is_found_among_the_maps() {
        let folder = libtorch_folder().unwrap();
        assert!(folder.join("libtorch_cpu.so").exists());
        let maps = "7f00-7f01 r--p 00000000 08:01 42    /opt/my torch/lib/libtorch_cpu.so\n";
        assert_eq!(folder_in_maps(maps).unwrap(), Path::new("/opt/my torch/lib"));
        assert_eq!(folder_in_maps("7f00-7f01 r--p 00000000 00:00 0\n"), None);
    }

    #[test]
    fn thread_counts_outside_the_range_are_refused() {
        assert!(set_threads(0).is_err());
        assert!(set_threads(usize::MAX).is_err());
    }
}
