//! Where the features of a training come from: the cache, and the backbone where they are missing.

use std::ops::Range;

use xfer_loader::{Flow, FlowOptions, ReportHandle};
use xfer_trainer::features::cache::{Cached, Store, Tally, Views};
use xfer_trainer::features::{Deferred, Extracted, FeatureSource};
use xfer_trainer::{FitOptions, Position};

use super::TrainConfig;
use super::data::Data;
use super::plan::Plan;
use crate::terminal::Terminal;
use crate::{backbone, cache};

/// The parts of the cache that a training uses.
#[derive(Debug)]
pub(super) struct Stores {
    /// Photos as they are, and mirrored.
    plain: Option<Store>,
    /// Draws of other augmentation.
    drawn: Option<Store>,
    views: Option<Views>,
}

/// Features, and what there is to say about them and their photos.
pub(super) struct Source<'a> {
    pub(super) features: Box<dyn FeatureSource + 'a>,
    pub(super) report: ReportHandle,
    /// `None` where there is no cache.
    pub(super) tally: Option<Tally>,
}

impl Stores {
    pub(super) fn open(config: &TrainConfig, backbone: &Deferred, data: &Data, terminal: &Terminal) -> Self {
        let views = Views::of_flow(&data.training, config.cache_views);
        let open = |flow: &Flow| cache::store(&config.cache, backbone, flow, terminal);
        let training = views.and_then(|_| open(&data.training));
        if views.is_none() && !config.cache.no_cache {
            terminal.line(
                "Training photos are augmented anew in every epoch, so that their features are computed anew as well; \
                 --cache-views K makes do with K draws of each photo.",
            );
        }
        match views {
            Some(Views::Flips) => Self { plain: training, drawn: None, views },
            _ => Self { plain: data.validation.as_ref().and_then(open), drawn: training, views },
        }
    }

    /// Features for training: all passes of it, or, in a training that goes on, what is left of them.
    pub(super) fn training<'a>(
        &'a self,
        flow: &Flow,
        plan: Plan,
        position: Position,
        config: &TrainConfig,
        backbone: &'a Deferred,
    ) -> anyhow::Result<Source<'a>> {
        let store = match self.views {
            Some(Views::Flips) => self.plain.as_ref(),
            _ => self.drawn.as_ref(),
        };
        let options = FitOptions { epochs: config.epochs, steps_per_epoch: plan.steps as u64, validation_steps: None };
        let (pass, skip) = position.next_batch(&options, plan.batches(flow.samples()));
        let passes = pass..plan.passes(flow.samples(), config.epochs).max(pass);
        source(flow, plan, (passes, skip), store.zip(self.views), "training", config, backbone)
    }

    /// Features for validation: each pass may be cut short.
    pub(super) fn validation<'a>(
        &'a self,
        flow: &Flow,
        plan: Plan,
        position: Position,
        config: &TrainConfig,
        backbone: &'a Deferred,
    ) -> anyhow::Result<Source<'a>> {
        let store = self.plain.as_ref().map(|store| (store, Views::Flips));
        source(
            flow,
            plan,
            (position.epoch..config.epochs.max(position.epoch), 0),
            store,
            "validation",
            config,
            backbone,
        )
    }

    /// One that knows what photos hold, where there is a cache.
    pub(super) fn known(&self) -> Option<&Store> {
        self.plain.as_ref().or(self.drawn.as_ref())
    }

    /// Writes what is not written yet.
    pub(super) fn finish(self) {
        [self.plain, self.drawn].into_iter().flatten().for_each(Store::finish);
    }
}

fn source<'a>(
    flow: &Flow,
    plan: Plan,
    (passes, skip): (Range<u64>, usize),
    cached: Option<(&'a Store, Views)>,
    name: &'static str,
    config: &TrainConfig,
    backbone: &'a Deferred,
) -> anyhow::Result<Source<'a>> {
    let max_batches = (!flow.options().shuffle).then_some(plan.steps);
    let options = FlowOptions { batch_size: plan.batch_size, max_batches, ..flow.options().clone() };
    let flow = flow.with_options(options)?;
    let loader = backbone::loader_options(&config.features, name);
    let Some((store, views)) = cached else {
        backbone.backbone()?;
        let stream = match skip {
            0 => flow.stream(passes, &loader)?,
            skip => flow.stream_planned(flow.schedule(passes).skip_batches(skip)?, &flow.report(), &loader)?,
        };
        let report = stream.report();
        let features = Box::new(Extracted::new(stream.blocking(), backbone));
        return Ok(Source { features, report, tally: None });
    };
    let features = Cached::new(flow, backbone, store, views, passes, skip, loader)?;
    if features.missing() > 0 {
        // While the first photos are loaded.
        backbone.backbone()?;
    }
    Ok(Source { report: features.report(), tally: Some(features.tally()), features: Box::new(features) })
}
