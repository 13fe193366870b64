//! CUDA's runtime functions for copying beside computing, by their C names. libtorch_cuda brings the library that has
//! them; names and types are those of `cuda_runtime_api.h`, and have been the same for all of its versions.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr;
use std::sync::OnceLock;

use crate::device::symbols;
use crate::error::BackboneError;

type Handle = *mut c_void;

/// Pointers to the functions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runtime {
    pub(super) set_device: unsafe extern "C" fn(c_int) -> c_int,
    pub(super) host_alloc: unsafe extern "C" fn(*mut *mut c_void, usize, c_uint) -> c_int,
    pub(super) free_host: unsafe extern "C" fn(*mut c_void) -> c_int,
    pub(super) memcpy_async: unsafe extern "C" fn(*mut c_void, *const c_void, usize, c_int, Handle) -> c_int,
    pub(super) stream_create: unsafe extern "C" fn(*mut Handle, c_uint) -> c_int,
    pub(super) stream_destroy: unsafe extern "C" fn(Handle) -> c_int,
    pub(super) stream_synchronize: unsafe extern "C" fn(Handle) -> c_int,
    pub(super) stream_wait_event: unsafe extern "C" fn(Handle, Handle, c_uint) -> c_int,
    pub(super) event_create: unsafe extern "C" fn(*mut Handle, c_uint) -> c_int,
    pub(super) event_record: unsafe extern "C" fn(Handle, Handle) -> c_int,
    pub(super) event_synchronize: unsafe extern "C" fn(Handle) -> c_int,
    pub(super) event_destroy: unsafe extern "C" fn(Handle) -> c_int,
    pub(super) error_string: unsafe extern "C" fn(c_int) -> *const c_char,
}

/// `cudaMemcpyHostToDevice`, `cudaMemcpyDeviceToHost`.
const TO_DEVICE: c_int = 1;
const TO_HOST: c_int = 2;
/// `cudaHostAllocDefault`.
const PINNED: c_uint = 0;
/// `cudaStreamNonBlocking`: the stream does not wait for the default stream, nor that for it.
const NON_BLOCKING: c_uint = 1;
/// `cudaEventBlockingSync | cudaEventDisableTiming`: whoever waits leaves its core to the threads that decode.
const QUIET_EVENT: c_uint = 1 | 2;

impl Runtime {
    /// The functions, or which of them is not there.
    pub(super) fn loaded() -> Result<&'static Self, &'static str> {
        static LOADED: OnceLock<Result<Runtime, String>> = OnceLock::new();
        LOADED.get_or_init(Self::find).as_ref().map_err(String::as_str)
    }

    fn find() -> Result<Self, String> {
        // SAFETY: each field has the type that `cuda_runtime_api.h` gives the function of this name.
        unsafe {
            Ok(Self {
                set_device: symbols::find("cudaSetDevice")?,
                host_alloc: symbols::find("cudaHostAlloc")?,
                free_host: symbols::find("cudaFreeHost")?,
                memcpy_async: symbols::find("cudaMemcpyAsync")?,
                stream_create: symbols::find("cudaStreamCreateWithFlags")?,
                stream_destroy: symbols::find("cudaStreamDestroy")?,
                stream_synchronize: symbols::find("cudaStreamSynchronize")?,
                stream_wait_event: symbols::find("cudaStreamWaitEvent")?,
                event_create: symbols::find("cudaEventCreateWithFlags")?,
                event_record: symbols::find("cudaEventRecord")?,
                event_synchronize: symbols::find("cudaEventSynchronize")?,
                event_destroy: symbols::find("cudaEventDestroy")?,
                error_string: symbols::find("cudaGetErrorString")?,
            })
        }
    }

    /// Makes the device current on this thread; everything else here happens on the current device.
    pub(super) fn set_device(&self, index: c_int) -> Result<(), BackboneError> {
        // SAFETY: it takes any number, and refuses those that no device has.
        self.checked(unsafe { (self.set_device)(index) }, "cudaSetDevice")
    }

    fn checked(&self, code: c_int, function: &'static str) -> Result<(), BackboneError> {
        if code == 0 {
            return Ok(());
        }
        // SAFETY: it takes any number, and returns text that lives as long as the process.
        let text = unsafe { (self.error_string)(code) };
        let reason = if text.is_null() {
            format!("error {code}")
        } else {
            // SAFETY: not null, and ends in 0, as the function promises.
            format!("{} (error {code})", unsafe { CStr::from_ptr(text) }.to_string_lossy())
        };
        Err(BackboneError::Cuda { function, reason })
    }
}

/// Operations in the order in which the device carries them out.
#[derive(Debug)]
pub(super) struct Stream {
    handle: Handle,
    /// libtorch's own stream is not ours to end.
    owned: bool,
    runtime: &'static Runtime,
}

impl Stream {
    /// A stream beside all others.
    pub(super) fn new(runtime: &'static Runtime) -> Result<Self, BackboneError> {
        let mut handle = ptr::null_mut();
        // SAFETY: the pointer is that of a live variable.
        let code = unsafe { (runtime.stream_create)(&raw mut handle, NON_BLOCKING) };
        runtime.checked(code, "cudaStreamCreateWithFlags")?;
        Ok(Self { handle, owned: true, runtime })
    }

    /// The default stream, which libtorch computes in as long as nobody tells it otherwise; the bindings cannot.
    pub(super) fn default(runtime: &'static Runtime) -> Self {
        Self { handle: ptr::null_mut(), owned: false, runtime }
    }

    /// Queues a copy of the first `length` bytes of `from` to the device.
    ///
    /// # Safety
    /// At `to` there is room for them on the current device. Both sides live, and `from` is not written, until the copy
    /// has been waited for.
    pub(super) unsafe fn copy_up(&self, to: *mut c_void, from: &Pinned, length: usize) -> Result<(), BackboneError> {
        debug_assert!(length <= from.length);
        // SAFETY: the caller sees to `to`; `from` is long enough.
        let code = unsafe { (self.runtime.memcpy_async)(to, from.pointer, length, TO_DEVICE, self.handle) };
        self.runtime.checked(code, "cudaMemcpyAsync")
    }

    /// Queues a copy of `length` bytes of the device to the beginning of `to`.
    ///
    /// # Safety
    /// At `from` there are as many on the current device. Both sides live until the copy has been waited for.
    pub(super) unsafe fn copy_down(
        &self,
        to: &Pinned,
        from: *const c_void,
        length: usize,
    ) -> Result<(), BackboneError> {
        debug_assert!(length <= to.length);
        // SAFETY: the caller sees to `from`; `to` is long enough.
        let code = unsafe { (self.runtime.memcpy_async)(to.pointer, from, length, TO_HOST, self.handle) };
        self.runtime.checked(code, "cudaMemcpyAsync")
    }

    /// What is queued from now on waits for the event.
    pub(super) fn wait_for(&self, event: &Event) -> Result<(), BackboneError> {
        // SAFETY: stream and event are alive; 0 is the only flag.
        self.runtime
            .checked(unsafe { (self.runtime.stream_wait_event)(self.handle, event.handle, 0) }, "cudaStreamWaitEvent")
    }

    /// Waits until everything queued so far is done.
    pub(super) fn synchronize(&self) -> Result<(), BackboneError> {
        // SAFETY: the stream is alive.
        self.runtime.checked(unsafe { (self.runtime.stream_synchronize)(self.handle) }, "cudaStreamSynchronize")
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.owned {
            // SAFETY: made here, ended once.
            unsafe { (self.runtime.stream_destroy)(self.handle) };
        }
    }
}

/// A moment in a stream.
#[derive(Debug)]
pub(super) struct Event {
    handle: Handle,
    runtime: &'static Runtime,
}

impl Event {
    pub(super) fn new(runtime: &'static Runtime) -> Result<Self, BackboneError> {
        let mut handle = ptr::null_mut();
        // SAFETY: the pointer is that of a live variable.
        let code = unsafe { (runtime.event_create)(&raw mut handle, QUIET_EVENT) };
        runtime.checked(code, "cudaEventCreateWithFlags")?;
        Ok(Self { handle, runtime })
    }

    /// The moment when everything queued in `stream` so far is done.
    pub(super) fn record(&self, stream: &Stream) -> Result<(), BackboneError> {
        // SAFETY: both are alive.
        self.runtime.checked(unsafe { (self.runtime.event_record)(self.handle, stream.handle) }, "cudaEventRecord")
    }

    /// Waits for it. Failures of what came before are told here.
    pub(super) fn synchronize(&self) -> Result<(), BackboneError> {
        // SAFETY: the event is alive.
        self.runtime.checked(unsafe { (self.runtime.event_synchronize)(self.handle) }, "cudaEventSynchronize")
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: made here, ended once.
        unsafe { (self.runtime.event_destroy)(self.handle) };
    }
}

/// Memory of the host that the system does not move, so that the device reads and writes it by itself.
#[derive(Debug)]
pub(super) struct Pinned {
    pointer: *mut c_void,
    length: usize,
    runtime: &'static Runtime,
}

impl Pinned {
    /// `length` bytes, aligned to a page.
    pub(super) fn new(runtime: &'static Runtime, length: usize) -> Result<Self, BackboneError> {
        let mut pointer = ptr::null_mut();
        // SAFETY: the pointer is that of a live variable.
        let code = unsafe { (runtime.host_alloc)(&raw mut pointer, length.max(1), PINNED) };
        runtime.checked(code, "cudaHostAlloc")?;
        Ok(Self { pointer, length, runtime })
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Copies `bytes` to the beginning; those beyond the end are left out.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let length = bytes.len().min(self.length);
        // SAFETY: there is room, and borrowed bytes are not this memory.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.pointer.cast(), length) };
    }

    /// The first `count` numbers, or as many as there are.
    ///
    /// # Safety
    /// The device has written them, and is done.
    pub(super) unsafe fn read(&self, count: usize) -> Vec<f32> {
        let count = count.min(self.length / size_of::<f32>());
        let mut values = vec![0.0_f32; count];
        // SAFETY: there are as many on both sides; any bytes are a number.
        unsafe { ptr::copy_nonoverlapping(self.pointer.cast(), values.as_mut_ptr(), count) };
        values
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: allocated here, given back once.
        unsafe { (self.runtime.free_host)(self.pointer) };
    }
}
