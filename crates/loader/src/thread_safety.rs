//! What may go to another thread, and what may be used from several at once: held to by the compiler.

use crate::scan::{Duplicates, Finding, Oddity, Problem, Sameness, ScanOptions, ScanProgress, ScanReport};
use crate::stages::{Crop, Decoder, Deep, DeepKind, DeepView, FileFormat, Image, Resizer, StandardizeScratch, View};
use crate::*;

/// Every type is `Send` and `Sync`.
macro_rules! send_and_sync {
    ($($kind:ty),+ $(,)?) => {
        const _: () = {
            const fn is_send_and_sync<T: Send + Sync>() {}
            $(is_send_and_sync::<$kind>();)+
        };
    };
}

/// Every type is `Send`, and not `Sync`: were it `Sync`, the compiler could not tell which of the two `Ambiguous` is
/// meant.
macro_rules! send_but_not_sync {
    ($($kind:ty),+ $(,)?) => {
        $(const _: () = {
            trait Ambiguous<Choice> {
                const FINE: () = ();
            }
            struct IsSync;
            impl<T> Ambiguous<()> for T {}
            impl<T: Sync> Ambiguous<IsSync> for T {}
            const fn is_send<T: Send + Unpin + 'static>() {}
            is_send::<$kind>();
            <$kind as Ambiguous<_>>::FINE
        };)+
    };
}

// Plain values: what is to be done, and what came of it.
send_and_sync! {
    Alpha,
    ClassMode,
    ColorMode,
    Compat,
    DecodeOptions,
    Depth16,
    DirectoryOptions,
    ErrorBudget,
    ExifOrientation,
    FillMode,
    FlowOptions,
    GroupBy,
    ImageDataGenerator,
    ImageShape,
    Interpolation,
    InvalidFiles,
    Layout,
    LoaderOptions,
    OnError,
    PixelType,
    Preprocessing,
    PreprocessingFunction,
    SaveFormat,
    SaveTo,
    Shift,
    Split,
    SplitReport,
    SplineOrder,
    Stage,
    Standardization,
    Statistics,
    Subset,
    TableOptions,
    TargetValues,
    ZoomRange,
}

// What is streamed from, and what comes out of it. A report may be read while its stream runs in another thread.
send_and_sync! {
    Batch,
    BatchTargets<'static>,
    Failure,
    FileReader,
    Flow,
    Pixels<'static>,
    Report,
    ReportHandle,
    StatisticsBuilder,
}

// What goes wrong.
send_and_sync! {
    DecodeError,
    FunctionError,
    LoaderError,
    StandardizeError,
}

// Single steps. Those that keep buffers take `&mut self`: one for each thread.
send_and_sync! {
    Crop,
    Decoder,
    Deep,
    DeepKind,
    DeepView<'static>,
    FileFormat,
    Image,
    Resizer,
    StandardizeScratch,
    View<'static>,
}

send_and_sync! {
    Duplicates,
    Finding,
    Oddity,
    Problem,
    Sameness,
    ScanOptions,
    ScanProgress,
    ScanReport,
}

// One consumer at a time: it may move from thread to thread, and not be shared.
send_but_not_sync! {
    BatchStream,
    BlockingBatches,
}
