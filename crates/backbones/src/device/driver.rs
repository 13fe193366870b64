//! What NVIDIA's driver says of its devices: the CUDA driver API, whose functions keep their names and types for good.

use std::ffi::{CStr, c_char, c_int};

use super::symbols;

/// A CUDA device, as the driver describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// Such as `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// Bytes in all.
    pub memory: u64,
    /// Major and minor; bf16 is fast from 8.0.
    pub compute_capability: (i32, i32),
}

/// NVIDIA's driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driver {
    /// The newest CUDA that it supports, major and minor.
    pub cuda: (i32, i32),
    /// The devices that this process may use (`CUDA_VISIBLE_DEVICES`), by number.
    pub gpus: Vec<Gpu>,
}

type Init = unsafe extern "C" fn(u32) -> c_int;
type GetInt = unsafe extern "C" fn(*mut c_int) -> c_int;
type DeviceGet = unsafe extern "C" fn(*mut c_int, c_int) -> c_int;
type DeviceName = unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int;
type DeviceMemory = unsafe extern "C" fn(*mut usize, c_int) -> c_int;
type DeviceAttribute = unsafe extern "C" fn(*mut c_int, c_int, c_int) -> c_int;

/// `CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR` and `_MINOR` of `cuda.h`.
const CAPABILITY: [c_int; 2] = [75, 76];
const NO_DEVICE: c_int = 100;

/// Asks the driver, whose library `libcuda.so.1` must have been loaded.
pub(super) fn ask() -> Result<Driver, String> {
    // SAFETY: names and types are those of `cuda.h`.
    let (init, version, count) = unsafe {
        (
            symbols::find::<Init>("cuInit")?,
            symbols::find::<GetInt>("cuDriverGetVersion")?,
            symbols::find::<GetInt>("cuDeviceGetCount")?,
        )
    };
    let mut cuda = 0;
    // SAFETY: the pointer is that of a live integer; the function needs no initialisation.
    checked(unsafe { version(&raw mut cuda) }, "cuDriverGetVersion")?;
    // `13020` is 13.2.
    let cuda = (cuda / 1000, cuda % 1000 / 10);
    // SAFETY: it may be called any number of times; 0 is the only flag there is.
    match unsafe { init(0) } {
        NO_DEVICE => return Ok(Driver { cuda, gpus: Vec::new() }),
        code => checked(code, "cuInit")?,
    }
    let mut devices = 0;
    // SAFETY: the pointer is that of a live integer.
    checked(unsafe { count(&raw mut devices) }, "cuDeviceGetCount")?;
    let gpus = (0..devices).map(gpu).collect::<Result<_, _>>()?;
    Ok(Driver { cuda, gpus })
}

fn gpu(number: c_int) -> Result<Gpu, String> {
    // SAFETY: names and types are those of `cuda.h`.
    let (get, name_of, memory_of, attribute_of) = unsafe {
        (
            symbols::find::<DeviceGet>("cuDeviceGet")?,
            symbols::find::<DeviceName>("cuDeviceGetName")?,
            symbols::find::<DeviceMemory>("cuDeviceTotalMem_v2")?,
            symbols::find::<DeviceAttribute>("cuDeviceGetAttribute")?,
        )
    };
    let mut device = 0;
    // SAFETY: the pointer is that of a live integer.
    checked(unsafe { get(&raw mut device, number) }, "cuDeviceGet")?;
    let mut name: [c_char; 256] = [0; 256];
    // SAFETY: the buffer is as long as is said, one short, so that it ends in 0 whatever is written.
    checked(unsafe { name_of(name.as_mut_ptr(), 255, device) }, "cuDeviceGetName")?;
    let mut memory = 0;
    // SAFETY: the pointer is that of a live integer.
    checked(unsafe { memory_of(&raw mut memory, device) }, "cuDeviceTotalMem")?;
    let mut capability = [0; 2];
    for (value, attribute) in capability.iter_mut().zip(CAPABILITY) {
        // SAFETY: as above.
        checked(unsafe { attribute_of(value, attribute, device) }, "cuDeviceGetAttribute")?;
    }
    // SAFETY: the last element was never written, and is 0.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned();
    Ok(Gpu { name, memory: memory as u64, compute_capability: (capability[0], capability[1]) })
}

fn checked(code: c_int, function: &str) -> Result<(), String> {
    if code == 0 { Ok(()) } else { Err(format!("NVIDIA's driver answers {function} with error {code}")) }
}
