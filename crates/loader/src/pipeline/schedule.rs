//! Which samples come when: batches are planned in order, somewhat ahead of the reads.

use std::ops::Range;
use std::sync::Arc;

use super::draws::Draws;
use super::in_flight::InFlight;
use crate::error::LoaderError;
use crate::flow::Flow;

/// Plans on a thread of its own, which has an epoch shuffled before anyone waits for it.
#[derive(Debug)]
pub(super) struct Schedule {
    flow: Flow,
    in_flight: Arc<InFlight>,
}

impl Schedule {
    pub(super) fn new(flow: Flow, in_flight: Arc<InFlight>) -> Self {
        Self { flow, in_flight }
    }

    /// Plans until the stream ends or the epochs are over.
    pub(super) fn run(self, epochs: Range<u64>) {
        // Whatever happens here, the consumer is told that nothing more comes.
        let _end = End(&self.in_flight);
        if let Err(error) = self.plan(epochs) {
            self.in_flight.push_failed(error);
        }
    }

    fn plan(&self, epochs: Range<u64>) -> Result<(), LoaderError> {
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
}

struct End<'a>(&'a InFlight);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
