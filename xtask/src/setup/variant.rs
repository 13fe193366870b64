//! With and without CUDA: what is taken from the wheels, and where it goes.

use std::path::{Path, PathBuf};

/// One of the two libtorch installations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// Headers and the CPU libraries, flat: `include`, `lib`.
    Cpu,
    /// The wheel and its CUDA packages side by side, as its library search path expects: `site-packages/{torch,nvidia}`.
    Cuda,
}

impl Variant {
    /// Name in the cache.
    pub(super) fn folder_name(self) -> String {
        format!("libtorch-{}-{}", super::TORCH_VERSION, self.name())
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Variant::Cpu => "cpu",
            Variant::Cuda => "cuda",
        }
    }

    /// libtorch itself, within the installation.
    pub(super) fn torch_folder(self, installation: &Path) -> PathBuf {
        match self {
            Variant::Cpu => installation.to_owned(),
            Variant::Cuda => installation.join("site-packages").join("torch"),
        }
    }

    /// Disk space needed while installing, in bytes: the wheels and what comes out of them, with some room.
    pub(super) fn needed_bytes(self) -> u64 {
        match self {
            Variant::Cpu => 1_400_000_000,
            Variant::Cuda => 7_000_000_000,
        }
    }

    /// Where a file of a wheel goes within the installation; `None`: not needed.
    pub(super) fn place(self, name: &Path) -> Option<PathBuf> {
        match self {
            Variant::Cpu => place_cpu(name),
            Variant::Cuda => place_cuda(name),
        }
    }
}

/// Libraries of the wheel that a program without Python and CUDA does not load. `libtorch.so` only binds the others
/// together, CUDA ones among them; a link to `libtorch_cpu.so` stands in for it.
const NOT_ON_CPU: [&str; 8] = [
    "libtorch.so",
    "libtorch_python",
    "libtorch_cuda",
    "libtorch_nvshmem",
    "libtorch_global_deps",
    "libc10_cuda",
    "libcaffe2_nvrtc",
    "libshm",
];

/// `libtorch_cpu.so` of a CUDA wheel needs these two of the CUDA packages even where nothing runs on a GPU.
pub(super) const CUDA_LIBRARIES_OF_CPU: [&str; 2] = ["libcudart.so.13", "libcupti.so.13"];

fn place_cpu(name: &Path) -> Option<PathBuf> {
    if let Ok(header) = name.strip_prefix("torch/include") {
        return Some(Path::new("include").join(header));
    }
    let file = name.file_name()?.to_str()?;
    let in_torch_lib = name.parent() == Some(Path::new("torch/lib"));
    let wanted = in_torch_lib && file.contains(".so") && !NOT_ON_CPU.iter().any(|prefix| file.starts_with(prefix));
    let from_cuda = name.starts_with("nvidia") && CUDA_LIBRARIES_OF_CPU.contains(&file);
    (wanted || from_cuda).then(|| Path::new("lib").join(file))
}

fn place_cuda(name: &Path) -> Option<PathBuf> {
    let torch = ["torch/lib", "torch/include", "torch/version.py"].iter().any(|part| name.starts_with(part));
    // Static libraries are for those who compile CUDA code.
    let nvidia = name.starts_with("nvidia") && name.extension().is_none_or(|extension| extension != "a");
    (torch || nvidia).then(|| Path::new("site-packages").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(name: &str) -> Option<String> {
        Variant::Cpu.place(Path::new(name)).map(|path| path.display().to_string())
    }

    #[test]
    fn the_cpu_installation_is_flat_and_small() {
        assert_eq!(cpu("torch/lib/libtorch_cpu.so").as_deref(), Some("lib/libtorch_cpu.so"));
        assert_eq!(cpu("torch/lib/libc10.so").as_deref(), Some("lib/libc10.so"));
        assert_eq!(cpu("torch/lib/libgomp-24e2ab19.so.1").as_deref(), Some("lib/libgomp-24e2ab19.so.1"));
        assert_eq!(cpu("torch/include/ATen/ATen.h").as_deref(), Some("include/ATen/ATen.h"));
        assert_eq!(cpu("nvidia/cu13/lib/libcudart.so.13").as_deref(), Some("lib/libcudart.so.13"));
        for unused in [
            "torch/lib/libtorch_cuda.so",
            "torch/lib/libtorch_cuda_linalg.so",
            "torch/lib/libtorch_python.so",
            "torch/lib/libtorch.so",
            "torch/lib/libshm/libshm.h",
            "torch/nn/modules/conv.py",
            "nvidia/cu13/lib/libnvperf_host.so",
        ] {
            assert_eq!(cpu(unused), None, "{unused}");
        }
    }

    #[test]
    fn the_cuda_installation_keeps_the_wheels_layout() {
        let cuda = |name: &str| Variant::Cuda.place(Path::new(name)).map(|path| path.display().to_string());
        for kept in ["torch/lib/libtorch_cuda.so", "torch/include/ATen/ATen.h", "nvidia/cudnn/lib/libcudnn.so.9"] {
            assert_eq!(cuda(kept), Some(format!("site-packages/{kept}")));
        }
        for unused in ["torch/nn/modules/conv.py", "torch/bin/protoc", "nvidia/cu13/lib/libcudart_static.a"] {
            assert_eq!(cuda(unused), None, "{unused}");
        }
    }
}
