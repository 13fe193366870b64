//! The pipeline on the CPU, and the CUDA queue on a CUDA that is played: copies happen when they are waited for, and not
//! before.

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_uint, c_void};

use super::*;
use crate::architecture::Architecture;
use crate::backbone::PixelData;
use crate::weights::Weights;

const SIDE: usize = 40;

fn backbone() -> Backbone {
    Backbone::new(&Weights::random(Architecture::ResNet50, 5), None, crate::Device::Cpu).unwrap()
}

fn pixels(images: usize, seed: usize) -> Vec<u8> {
    (0..images * SIDE * SIDE * 3).map(|i| ((i * 7919 + seed * 104_729) % 251) as u8).collect()
}

fn batch(pixels: &[u8]) -> ImageBatch<'_> {
    ImageBatch { pixels: PixelData::U8(pixels), shape: [pixels.len() / (SIDE * SIDE * 3), SIDE, SIDE, 3] }
}

/// The norm of the difference, as a share of the norm.
fn difference(a: &Features, b: &Features) -> f64 {
    assert_eq!((a.rows, a.values.len()), (b.rows, b.values.len()));
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let difference = norm(&mut a.values.iter().zip(&b.values).map(|(a, b)| f64::from(a - b)));
    difference / norm(&mut a.values.iter().map(|&a| f64::from(a)))
}

#[test]
fn on_the_cpu_batches_are_computed_as_they_come() {
    let backbone = backbone();
    let mut pipeline = backbone.pipeline().unwrap();
    assert_eq!((pipeline.depth(), pipeline.is_empty(), pipeline.is_full()), (1, true, false));
    let (one, two) = (pixels(1, 1), pixels(2, 2));
    pipeline.submit(batch(&one)).unwrap();
    assert!(pipeline.is_full());
    pipeline.submit(batch(&two)).unwrap();
    assert_eq!(pipeline.collect().unwrap().unwrap(), backbone.forward(batch(&one)).unwrap());
    assert_eq!(pipeline.collect().unwrap().unwrap(), backbone.forward(batch(&two)).unwrap());
    assert!(pipeline.collect().is_none());

    let misshapen = ImageBatch { shape: [3, SIDE, SIDE, 3], ..batch(&two) };
    assert!(matches!(pipeline.submit(misshapen), Err(BackboneError::Batch { .. })));
    pipeline.submit(ImageBatch { shape: [0, SIDE, SIDE, 3], pixels: PixelData::U8(&[]) }).unwrap();
    assert_eq!(pipeline.collect().unwrap().unwrap().rows, 0);
}

#[test]
fn the_ring_gives_what_forward_gives() {
    let backbone = backbone();
    let mut pipeline = played(&backbone);
    assert_eq!(pipeline.depth(), 3);
    // Sizes that grow and shrink; one empty.
    let images: Vec<_> = [2, 2, 1, 3, 0, 2, 2, 2].iter().enumerate().map(|(i, &n)| pixels(n, i)).collect();
    let mut waiting = images.iter();
    let mut features = Vec::new();
    loop {
        while !pipeline.is_full()
            && let Some(pixels) = waiting.next()
        {
            // Copied when this returns: what the caller does with its bytes then is its own affair.
            let mut pixels = pixels.clone();
            pipeline.submit(batch(&pixels)).unwrap();
            pixels.fill(0);
        }
        let Some(result) = pipeline.collect() else { break };
        features.push(result.unwrap());
    }
    assert_eq!(features.len(), images.len());
    for (features, pixels) in features.iter().zip(&images) {
        let expected = backbone.forward(batch(pixels)).unwrap();
        if expected.rows > 0 {
            let difference = difference(&expected, features);
            assert!(difference < 1e-6, "{difference}");
        }
        assert_eq!(features.rows, expected.rows);
    }
}

#[test]
fn preprocessed_floats_pass_the_ring_as_well() {
    let backbone = backbone();
    let mut pipeline = played(&backbone);
    let floats: Vec<f32> = pixels(2, 9).iter().map(|&v| f32::from(v) - 110.0).collect();
    let batch = ImageBatch { pixels: PixelData::F32(&floats), shape: [2, SIDE, SIDE, 3] };
    pipeline.submit(batch).unwrap();
    let features = pipeline.collect().unwrap().unwrap();
    assert!(difference(&backbone.forward(batch).unwrap(), &features) < 1e-6);
}

#[test]
fn what_cuda_refuses_is_told_in_the_batchs_place() {
    let backbone = backbone();
    let mut pipeline = played(&backbone);
    let images = pixels(1, 1);
    pipeline.submit(batch(&images)).unwrap();
    PLAYED.with_borrow_mut(|played| played.refuse_copies = true);
    pipeline.submit(batch(&images)).unwrap();
    PLAYED.with_borrow_mut(|played| played.refuse_copies = false);
    pipeline.submit(batch(&images)).unwrap();
    assert!(pipeline.collect().unwrap().is_ok());
    let message = pipeline.collect().unwrap().unwrap_err().to_string();
    assert_eq!(message, "CUDA failed in cudaMemcpyAsync: played failure (error 700)");
    assert!(pipeline.collect().unwrap().is_ok());
    // Left under way: dropping waits, and the played CUDA checks that nothing is freed before.
    pipeline.submit(batch(&images)).unwrap();
    drop(pipeline);
    PLAYED.with_borrow(|played| assert!(played.copies.is_empty() && played.memory.is_empty()));
}

#[test]
fn without_a_device_the_real_functions_say_so() {
    if crate::device::load_cuda().is_ok() {
        return;
    }
    // A libtorch built for CUDA brings the functions even where there is no device; another one names what is missing.
    match Runtime::loaded() {
        Ok(runtime) => assert!(matches!(Pinned::new(runtime, 64), Err(BackboneError::Cuda { .. }))),
        Err(reason) => assert!(reason.contains("cuda"), "{reason}"),
    }
}

use runtime::Pinned;

fn played(backbone: &Backbone) -> Pipeline<'_> {
    let queue = CudaQueue::new(backbone, &PLAYED_RUNTIME, 0).unwrap();
    Pipeline { backbone, lane: Lane::Ring(Ring::new(queue, SLOTS)) }
}

/// Copies that were queued and not carried out.
#[derive(Default)]
struct Played {
    copies: Vec<Copy>,
    /// Event to stream and number of the last copy that it covers.
    events: Vec<(usize, usize)>,
    queued: usize,
    streams: usize,
    memory: Vec<(usize, Vec<u64>)>,
    refuse_copies: bool,
}

struct Copy {
    stream: usize,
    number: usize,
    to: usize,
    from: usize,
    length: usize,
}

thread_local! {
    static PLAYED: RefCell<Played> = RefCell::default();
}

impl Played {
    fn carry_out(&mut self, stream: usize, until: usize) {
        let (now, later) = self.copies.drain(..).partition(|copy: &Copy| copy.stream == stream && copy.number <= until);
        self.copies = later;
        for copy in now {
            // SAFETY: whoever queued the copy keeps both sides alive until it is waited for, which is what is tested.
            unsafe { std::ptr::copy_nonoverlapping(copy.from as *const u8, copy.to as *mut u8, copy.length) };
        }
    }

    fn happen(&mut self, event: usize) {
        let (stream, until) = self.events[event - 1];
        self.carry_out(stream, until);
    }
}

fn play(act: impl FnOnce(&mut Played)) -> c_int {
    PLAYED.with_borrow_mut(act);
    0
}

unsafe extern "C" fn set_device(_: c_int) -> c_int {
    0
}

unsafe extern "C" fn host_alloc(pointer: *mut *mut c_void, length: usize, _: c_uint) -> c_int {
    play(|played| {
        let mut memory = vec![0_u64; length.div_ceil(8)];
        // SAFETY: the caller's variable.
        unsafe { *pointer = memory.as_mut_ptr().cast() };
        played.memory.push((memory.as_ptr() as usize, memory));
    })
}

unsafe extern "C" fn free_host(pointer: *mut c_void) -> c_int {
    play(|played| {
        let place = played.memory.iter().position(|(start, _)| *start == pointer as usize).expect("allocated");
        let (start, memory) = played.memory.swap_remove(place);
        let range = start..start + 8 * memory.len();
        let used = |copy: &Copy| range.contains(&copy.to) || range.contains(&copy.from);
        assert!(!played.copies.iter().any(used), "freed while a copy is under way");
    })
}

unsafe extern "C" fn memcpy_async(
    to: *mut c_void,
    from: *const c_void,
    length: usize,
    _: c_int,
    stream: *mut c_void,
) -> c_int {
    if PLAYED.with_borrow(|played| played.refuse_copies) {
        return 700;
    }
    play(|played| {
        played.queued += 1;
        let (stream, number) = (stream as usize, played.queued);
        played.copies.push(Copy { stream, number, to: to as usize, from: from as usize, length });
    })
}

unsafe extern "C" fn stream_create(stream: *mut *mut c_void, flags: c_uint) -> c_int {
    assert_eq!(flags, 1, "a stream that waits for no other");
    play(|played| {
        played.streams += 1;
        // SAFETY: the caller's variable.
        unsafe { *stream = played.streams as *mut c_void };
    })
}

unsafe extern "C" fn stream_destroy(stream: *mut c_void) -> c_int {
    play(|played| assert!(!played.copies.iter().any(|copy| copy.stream == stream as usize)))
}

unsafe extern "C" fn stream_synchronize(stream: *mut c_void) -> c_int {
    play(|played| played.carry_out(stream as usize, usize::MAX))
}

/// The network computes on the CPU, right after it was told to wait.
unsafe extern "C" fn stream_wait_event(stream: *mut c_void, event: *mut c_void, _: c_uint) -> c_int {
    assert!(stream.is_null(), "libtorch's stream waits");
    play(|played| played.happen(event as usize))
}

unsafe extern "C" fn event_create(event: *mut *mut c_void, _: c_uint) -> c_int {
    play(|played| {
        played.events.push((0, 0));
        // SAFETY: the caller's variable.
        unsafe { *event = played.events.len() as *mut c_void };
    })
}

unsafe extern "C" fn event_record(event: *mut c_void, stream: *mut c_void) -> c_int {
    play(|played| played.events[event as usize - 1] = (stream as usize, played.queued))
}

unsafe extern "C" fn event_synchronize(event: *mut c_void) -> c_int {
    play(|played| played.happen(event as usize))
}

unsafe extern "C" fn event_destroy(_: *mut c_void) -> c_int {
    0
}

unsafe extern "C" fn error_string(_: c_int) -> *const c_char {
    c"played failure".as_ptr()
}

static PLAYED_RUNTIME: Runtime = Runtime {
    set_device,
    host_alloc,
    free_host,
    memcpy_async,
    stream_create,
    stream_destroy,
    stream_synchronize,
    stream_wait_event,
    event_create,
    event_record,
    event_synchronize,
    event_destroy,
    error_string,
};
