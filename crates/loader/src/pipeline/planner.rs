//! Which samples come when: batches are planned in order, somewhat ahead of the reads.

use std::ops::Range;
use std::sync::Arc;

use super::draws::Draws;
use super::in_flight::InFlight;
use super::schedule::PlannedBatch;
use crate::error::LoaderError;
use crate::flow::Flow;

/// What is to be loaded, in order; the first error ends it.
pub(super) enum Planned {
    /// Whole epochs, as the flow has them: planned into what earlier batches leave behind.
    Epochs(Range<u64>),
    Batches(Box<dyn Iterator<Item = Result<PlannedBatch, LoaderError>> + Send>),
}

/// Plans on a thread of its own, which has an epoch shuffled before anyone waits for it.
#[derive(Debug)]
pub(super) struct Planner {
    flow: Flow,
    in_flight: Arc<InFlight>,
}

impl Planner {
    pub(super) fn new(flow: Flow, in_flight: Arc<InFlight>) -> Self {
        Self { flow, in_flight }
    }

    /// Plans until the stream ends or there is no more.
    pub(super) fn run(self, planned: Planned) {
        // Whatever happens here, the consumer is told that nothing more comes.
        let _end = End(&self.in_flight);
        let planned = match planned {
            Planned::Epochs(epochs) => self.plan_epochs(epochs),
            Planned::Batches(batches) => self.plan_batches(batches),
        };
        if let Err(error) = planned {
            self.in_flight.push_failed(error);
        }
    }

    fn plan_epochs(&self, epochs: Range<u64>) -> Result<(), LoaderError> {
        let sampler = self.flow.sampler();
        let draws = Draws::new(&self.flow);
        let mut order = Vec::new();
        for epoch in epochs {
            draws.order(epoch, &mut order)?;
            for index in 0..sampler.batches_per_epoch() {
                let Some(mut plan) = self.in_flight.next_plan() else { return Ok(()) };
                (plan.epoch, plan.index) = (epoch, index);
                plan.sample_indices.clear();
                plan.sample_indices.extend(order[sampler.batch(index)].iter().map(|&sample| sample as usize));
                draws.batch(epoch, index, &plan.sample_indices, &mut plan.draws)?;
                self.in_flight.push(plan);
            }
        }
        Ok(())
    }

    fn plan_batches(
        &self,
        batches: impl Iterator<Item = Result<PlannedBatch, LoaderError>>,
    ) -> Result<(), LoaderError> {
        for batch in batches {
            let PlannedBatch { epoch, index, samples } = batch?;
            let Some(mut plan) = self.in_flight.next_plan() else { return Ok(()) };
            (plan.epoch, plan.index) = (epoch, index);
            plan.sample_indices.clear();
            plan.sample_indices.extend(samples.iter().map(|planned| planned.sample));
            plan.draws.clear();
            plan.draws.extend(samples.iter().map(|planned| planned.draw));
            self.in_flight.push(plan);
        }
        Ok(())
    }
}

struct End<'a>(&'a InFlight);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
