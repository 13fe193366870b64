//! Whether this machine has a running NVIDIA driver.

use std::path::Path;

/// The kernel driver answers, or Windows lends its own to this Linux. The driver's user library alone is no sign: images
/// for containers bring it along.
pub(super) fn found() -> bool {
    let kernel = Path::new("/proc/driver/nvidia/version");
    let windows = [Path::new("/dev/dxg"), Path::new("/usr/lib/wsl/lib/libcuda.so.1")];
    kernel.exists() || windows.iter().all(|path| path.exists())
}
