//! Running a plan.

use tch::{TchError, Tensor};

use super::convolution::{Sum, same_border};
use super::{BatchMoments, Border, Norm, Operation, Plan, Step};
use crate::error::{BackboneError, TorchContext as _};

/// Sees the input of every batch norm and says with which moments to normalise it.
pub(crate) type Observer<'a> = dyn FnMut(&str, &Tensor) -> Result<BatchMoments, BackboneError> + 'a;

impl Plan {
    /// The last feature map, NCHW, of a batch of preprocessed images, NCHW in channels-last memory.
    ///
    /// An `observer` is called at each separate batch norm, in order.
    pub(crate) fn run(&self, images: Tensor, mut observer: Option<&mut Observer<'_>>) -> Result<Tensor, BackboneError> {
        let _no_grad = tch::no_grad_guard();
        let mut values: Vec<Option<Tensor>> = Vec::new();
        values.resize_with(self.values, || None);
        values[0] = Some(if images.kind() == self.kind {
            images
        } else {
            images.f_to_kind(self.kind).stage(|| "preprocessing".to_owned())?
        });
        for step in &self.steps {
            let output = match (&step.operation, observer.as_deref_mut()) {
                (Operation::BatchNorm(norm), Some(observe)) => {
                    let x = input(&values, step, 0)?;
                    let moments = observe(&step.name, x)?;
                    norm.run(x, &moments.mean, &moments.variance).stage(|| step.name.clone())?
                }
                _ => step.run(&mut values)?,
            };
            for &unused in &step.last_used {
                values[unused] = None;
            }
            values[step.output] = Some(output);
        }
        values[self.output].take().ok_or_else(|| lost("output"))
    }
}

impl Step {
    fn run(&self, values: &mut [Option<Tensor>]) -> Result<Tensor, BackboneError> {
        // Elementwise steps write over an input that nobody reads again.
        let output = match &self.operation {
            Operation::Relu => match self.take(values, 0) {
                Some(mut x) => x.f_relu_(),
                None => input(values, self, 0)?.f_relu(),
            },
            Operation::Add => {
                let (mine, other) = if self.is_last_use(0) { (0, 1) } else { (1, 0) };
                match self.take(values, mine) {
                    Some(mut x) => x.f_add_(input(values, self, other)?),
                    None => input(values, self, 0)?.f_add(input(values, self, 1)?),
                }
            }
            Operation::Convolution(convolution) if convolution.tail.add => {
                let owned = self.take(values, 1);
                let sum = match owned {
                    Some(sum) => Sum::Owned(sum),
                    None => Sum::Shared(input(values, self, 1)?),
                };
                convolution.run(input(values, self, 0)?, Some(sum))
            }
            Operation::Convolution(convolution) => convolution.run(input(values, self, 0)?, None),
            Operation::BatchNorm(norm) => norm.run(input(values, self, 0)?, &norm.mean, &norm.variance),
            Operation::MaxPool { pool, stride, border } => max_pool(input(values, self, 0)?, *pool, *stride, *border),
            Operation::ZeroPad(pad) => input(values, self, 0)?.f_constant_pad_nd([*pad as i64; 4]),
        };
        output.stage(|| format!("layer `{}`", self.name))
    }

    fn is_last_use(&self, position: usize) -> bool {
        // A layer added to itself reads one value twice; it cannot be written over.
        let value = self.inputs[position];
        self.last_used.contains(&value) && self.inputs.iter().filter(|&&v| v == value).count() == 1
    }

    fn take(&self, values: &mut [Option<Tensor>], position: usize) -> Option<Tensor> {
        if self.is_last_use(position) { values[self.inputs[position]].take() } else { None }
    }
}

fn input<'a>(values: &'a [Option<Tensor>], step: &Step, position: usize) -> Result<&'a Tensor, BackboneError> {
    values[step.inputs[position]].as_ref().ok_or_else(|| lost(&step.name))
}

/// A value that was freed too early; a plan never does that.
fn lost(name: &str) -> BackboneError {
    let source = TchError::Torch("a value was freed before its last use".to_owned());
    BackboneError::Torch { stage: name.to_owned(), source }
}

impl Norm {
    fn run(&self, x: &Tensor, mean: &Tensor, variance: &Tensor) -> Result<Tensor, TchError> {
        let (gamma, beta) = (Some(&self.gamma), Some(&self.beta));
        x.f_batch_norm(gamma, beta, Some(mean), Some(variance), false, 0.0, self.epsilon, true)
    }
}

/// Max pooling in which no border element can win.
fn max_pool(x: &Tensor, pool: usize, stride: usize, border: Border) -> Result<Tensor, TchError> {
    let (size, step) = ([pool as i64; 2], [stride as i64; 2]);
    let (_, _, height, width) = x.size4()?;
    match border {
        Border::Fixed(pad) => x.f_max_pool2d(size, step, [pad as i64; 2], [1, 1], false),
        Border::Same => {
            let [top, bottom, left, right] = same_border(height, width, pool, stride);
            // libtorch pads with minus infinity, the same before and after; in ceil mode the last window may also
            // reach over the end by itself. Together they give `same` without a copy, whenever nothing is needed
            // before that is not also there after.
            if (top == bottom || top == 0) && (left == right || left == 0) {
                x.f_max_pool2d(size, step, [top, left], [1, 1], true)
            } else {
                let lowest = f64::from(f32::NEG_INFINITY);
                x.f_pad([left, right, top, bottom], "constant", lowest)?.f_max_pool2d(size, step, [0, 0], [1, 1], false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Padding, same_padding};

    /// Max pooling from its definition.
    fn oracle(x: &[f32], n: usize, pool: usize, stride: usize) -> Vec<f32> {
        let (before, _) = same_padding(n, pool, stride);
        let out = Padding::Same.output_size(n, pool, stride).unwrap();
        let window = |o: usize| {
            let start = (o * stride).saturating_sub(before);
            start..(o * stride + pool - before).min(n)
        };
        let mut y = Vec::new();
        for row in 0..out {
            for column in 0..out {
                let cells = window(row).flat_map(|r| window(column).map(move |c| x[r * n + c]));
                y.push(cells.fold(f32::NEG_INFINITY, f32::max));
            }
        }
        y
    }

    #[test]
    fn same_max_pool_is_tensorflows_for_every_size() {
        for (pool, stride) in [(3, 2), (2, 2), (4, 2), (5, 3), (4, 1)] {
            for n in 1..24_usize {
                // Negative values: a zero at the border would win.
                let x: Vec<f32> = (0..n * n).map(|i| -1.0 - ((i * 37) % 101) as f32).collect();
                let image = Tensor::from_slice(&x).view([1, 1, n as i64, n as i64]);
                let y = max_pool(&image, pool, stride, Border::Same).unwrap();
                let y: Vec<f32> = Vec::try_from(y.contiguous().view(-1)).unwrap();
                assert_eq!(y, oracle(&x, n, pool, stride), "side {n}, pool {pool}, stride {stride}");
            }
        }
    }

    /// Rows 1..=4 by hand: windows 1-3 and 3-4 for an even side, 1-2, 2-4, 4-5 for an odd one.
    #[test]
    fn same_max_pool_golden() {
        let row = |n: usize| -> Vec<f32> {
            let values: Vec<f32> = (1..=n).map(|v| v as f32).collect();
            let image = Tensor::from_slice(&values).view([1, 1, 1, n as i64]);
            let y = max_pool(&image, 3, 2, Border::Same).unwrap();
            Vec::try_from(y.contiguous().view(-1)).unwrap()
        };
        assert_eq!(row(4), [3.0, 4.0]);
        assert_eq!(row(5), [2.0, 4.0, 5.0]);
    }

    /// The plan that runs against the one that follows the description layer by layer.
    #[test]
    fn folding_and_fusing_change_nothing_but_rounding() {
        use crate::architecture::Architecture;
        use crate::plan::{BatchNorm, Convolve, Packing, Target};
        use crate::weights::{Moments, Weights};

        for architecture in Architecture::ALL {
            let mut weights = Weights::random(architecture, 5);
            let mut statistics = weights.batch_norm_statistics();
            for Moments { mean, variance } in statistics.values_mut() {
                for (c, (mean, variance)) in mean.iter_mut().zip(variance).enumerate() {
                    *mean = (c % 7) as f32 * 0.1 - 0.3;
                    *variance = 0.5 + (c % 5) as f32 * 0.3;
                }
            }
            weights.set_batch_norm_statistics(&statistics).unwrap();
            let graph = architecture.graph();
            let nhwc =
                Tensor::from_slice(&(0..75 * 74 * 3).map(|i| ((i * 31) % 97) as f32 / 50.0 - 1.0).collect::<Vec<_>>());
            let run = |batch_norm, target| {
                let plan = Plan::compile(&graph, &weights, 1e-3, batch_norm, target).unwrap();
                let images = nhwc.view([1, 75, 74, 3]).permute([0, 3, 1, 2]);
                plan.run(images, None).unwrap().mean_dim([2_i64, 3].as_slice(), false, tch::Kind::Double)
            };
            let distance = |a: &Tensor, b: &Tensor| (a - b).norm().double_value(&[]) / b.norm().double_value(&[]);
            let plain = Target::plain(tch::Device::Cpu);
            let separate = run(BatchNorm::Separate, plain);
            let folded = run(BatchNorm::Folded, plain);
            let fused = run(
                BatchNorm::Folded,
                Target { convolve: Convolve::Fused, packing: Packing { image: [75, 74], threads: 1 }, ..plain },
            );
            // Packed for images of another size.
            let other = run(BatchNorm::Folded, Target { convolve: Convolve::Fused, ..plain });
            for (name, error) in [
                ("folded", distance(&folded, &separate)),
                ("fused", distance(&fused, &folded)),
                ("packed for others", distance(&other, &folded)),
            ] {
                assert!(error < 1e-5, "{architecture}, {name}: {error}");
            }
            assert!(distance(&folded, &separate) > 0.0, "{architecture}: both ran the same plan");
        }
    }
}
