//! A user's function that fails, panics or hangs.

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};

use super::{options, photos, threads};
use crate::{
    DirectoryOptions, ErrorBudget, Flow, FlowOptions, ImageDataGenerator, LoaderError, LoaderOptions, OnError,
    PreprocessingFunction, Stage, StandardizeError,
};

/// Photos of two classes, of which `urban/01.jpg` alone is white.
fn one_white(root: &Path) {
    photos(root, 4);
    RgbImage::from_pixel(40, 30, Rgb([255; 3])).save(root.join("urban/01.jpg")).unwrap();
}

fn is_white(pixels: &[f32]) -> bool {
    pixels.iter().all(|&value| value > 253.0)
}

fn flow(root: &Path, function: PreprocessingFunction, on_error: OnError) -> Flow {
    let options = FlowOptions { shuffle: false, on_error, error_budget: ErrorBudget::Count(1), ..options() };
    ImageDataGenerator::new()
        .preprocessing_function(function)
        .flow_from_directory(root, &DirectoryOptions::default(), options)
        .unwrap()
}

fn failing() -> PreprocessingFunction {
    PreprocessingFunction::fallible(
        |pixels, shape| {
            if is_white(pixels) { Err(format!("{shape} of snow").into()) } else { Ok(()) }
        },
    )
}

fn panicking() -> PreprocessingFunction {
    PreprocessingFunction::new(|pixels, _| assert!(!is_white(pixels), "snow"))
}

// invariant 5: an error names the file, the stage and the reason.
#[test]
fn its_error_or_panic_ends_the_stream_by_name() {
    let root = tempfile::tempdir().unwrap();
    one_white(root.path());
    let path = root.path().join("urban/01.jpg");
    for count in [1, 3] {
        let mut stream = flow(root.path(), failing(), OnError::Fail).stream(0.., &threads(count)).unwrap().blocking();
        assert_eq!(stream.next().unwrap().unwrap().len(), 4, "the batch before is whole");
        let error = stream.next().unwrap().unwrap_err();
        assert_eq!((error.path(), error.stage()), (Some(path.as_path()), Some(Stage::Standardize)));
        let LoaderError::Standardize { source: StandardizeError::Function { source }, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(source.to_string(), "24 x 32 x 3 of snow");
        assert_eq!(error.source().unwrap().source().unwrap().to_string(), "24 x 32 x 3 of snow");
        assert!(stream.next().is_none());

        let mut stream = flow(root.path(), panicking(), OnError::Fail).stream(0.., &threads(count)).unwrap().blocking();
        stream.next().unwrap().unwrap();
        let error = stream.next().unwrap().unwrap_err();
        let LoaderError::Panicked { path: named, stage, message } = &error else { panic!("{error:?}") };
        assert_eq!((named, *stage, message.as_str()), (&path, Stage::Standardize, "snow"));
        assert!(stream.next().is_none());
    }
}

#[test]
fn what_it_refuses_is_skipped_or_replaced_like_any_bad_file() {
    let root = tempfile::tempdir().unwrap();
    one_white(root.path());
    for function in [failing(), panicking()] {
        for (policy, samples) in [(OnError::Skip, 7), (OnError::Replace, 8)] {
            let stream = flow(root.path(), function.clone(), policy).stream(0..2, &threads(3)).unwrap().blocking();
            let report = stream.report();
            assert_eq!(stream.map(|batch| batch.unwrap().len()).sum::<usize>(), 2 * samples);
            let failures = report.read().failures;
            assert_eq!(failures.len(), 1);
            assert_eq!((failures[0].sample, failures[0].stage()), (5, Stage::Standardize));
            assert_eq!(failures[0].replacement.is_some(), policy == OnError::Replace);
            assert!(failures[0].reason().ends_with("snow"), "{}", failures[0]);
        }
    }
}

/// A door that functions wait at.
#[derive(Default)]
struct Door {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Door {
    fn wait(&self) {
        let _open = self.opened.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap();
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

// invariants 5 and 6: a function that hangs is told by its file, and holds up nothing.
#[test]
fn a_function_that_hangs_ends_the_stream_by_name_and_its_thread_ends_when_it_is_let_go() {
    let root = tempfile::tempdir().unwrap();
    one_white(root.path());
    for policy in [OnError::Fail, OnError::Skip, OnError::Replace] {
        let door = Arc::new(Door::default());
        let function = {
            let door = Arc::clone(&door);
            PreprocessingFunction::new(move |pixels, _| {
                if is_white(pixels) {
                    door.wait();
                }
            })
        };
        let loader = LoaderOptions { stall_timeout: Some(Duration::from_millis(500)), ..threads(2) };
        let mut stream = flow(root.path(), function, policy).stream(0.., &loader).unwrap().blocking();
        stream.next().unwrap().unwrap();
        let error = stream.next().unwrap().unwrap_err();
        let LoaderError::Stalled { path, stage, waited } = &error else { panic!("{error:?}") };
        assert_eq!((path, *stage), (&root.path().join("urban/01.jpg"), Stage::Standardize));
        assert!(*waited >= Duration::from_millis(500));
        assert!(error.to_string().contains("no progress in standardize for 0."), "{error}");
        assert!(stream.next().is_none());

        let started = Instant::now();
        drop(stream);
        assert!(started.elapsed() < Duration::from_secs(5), "dropping took {:?}", started.elapsed());
        assert!(Arc::strong_count(&door) > 1, "the function still waits");
        door.open();
        while Arc::strong_count(&door) > 1 {
            assert!(started.elapsed() < Duration::from_secs(30), "its thread does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
