//! Additions and rectifiers become part of the convolution before them.

use super::{Operation, Step};

/// Fuses what only one step reads: convolution + add, convolution + relu, convolution + add + relu.
///
/// A convolution that takes over an addition moves to where the addition was, since the other summand may be computed
/// in between.
pub(super) fn fuse(mut steps: Vec<Step>, output: usize) -> Vec<Step> {
    let mut index = 0;
    while index < steps.len() {
        let fused = match steps[index].operation {
            Operation::Add => fuse_add(&mut steps, index, output),
            Operation::Relu => fuse_relu(&mut steps, index, output),
            _ => false,
        };
        // A step before this one is gone.
        if !fused {
            index += 1;
        }
    }
    steps
}

/// The later of the two summands' convolutions takes the addition, if it has no other tail and no other reader.
fn fuse_add(steps: &mut Vec<Step>, add: usize, output: usize) -> bool {
    let [a, b] = steps[add].inputs[..] else { return false };
    if a == b {
        return false;
    }
    let candidate = |value: usize| {
        let place = steps[..add].iter().position(|step| step.output == value)?;
        let Operation::Convolution(convolution) = &steps[place].operation else { return None };
        (!convolution.tail.relu && !convolution.tail.add && is_read_once(steps, value, output)).then_some(place)
    };
    let Some(place) = candidate(a).max(candidate(b)) else { return false };
    let own = steps[place].output;
    let other = if own == a { b } else { a };
    let mut step = steps.remove(place);
    if let Operation::Convolution(convolution) = &mut step.operation {
        convolution.tail.add = true;
    }
    let add = &mut steps[add - 1];
    step.inputs.push(other);
    step.output = add.output;
    *add = step;
    true
}

fn fuse_relu(steps: &mut Vec<Step>, relu: usize, output: usize) -> bool {
    let [value] = steps[relu].inputs[..] else { return false };
    if !is_read_once(steps, value, output) {
        return false;
    }
    let after = steps[relu].output;
    let Some(place) = steps[..relu].iter().position(|step| step.output == value) else { return false };
    let Operation::Convolution(convolution) = &mut steps[place].operation else { return false };
    if convolution.tail.relu {
        return false;
    }
    convolution.tail.relu = true;
    steps[place].output = after;
    steps.remove(relu);
    true
}

fn is_read_once(steps: &[Step], value: usize, output: usize) -> bool {
    let reads = steps.iter().flat_map(|step| &step.inputs).filter(|&&input| input == value).count();
    reads == 1 && value != output
}

#[cfg(test)]
mod tests {
    use crate::architecture::Architecture;
    use crate::plan::{BatchNorm, Operation, Plan, Target};
    use crate::weights::Weights;

    /// Steps by kind: convolutions bare, with relu, with add, with both; relu; add.
    fn count(architecture: Architecture, batch_norm: BatchNorm) -> [usize; 6] {
        let weights = Weights::random(architecture, 1);
        let plan =
            Plan::compile(&architecture.graph(), &weights, 1e-3, batch_norm, Target::plain(tch::Device::Cpu)).unwrap();
        let mut counts = [0; 6];
        for step in &plan.steps {
            match &step.operation {
                Operation::Convolution(c) => counts[usize::from(c.tail.relu) + 2 * usize::from(c.tail.add)] += 1,
                Operation::Relu => counts[4] += 1,
                Operation::Add => counts[5] += 1,
                _ => {}
            }
        }
        counts
    }

    #[test]
    fn nothing_that_can_be_fused_is_left() {
        // 53 convolutions: 4 projections, 33 with a rectifier, 16 that end a block.
        assert_eq!(count(Architecture::ResNet50, BatchNorm::Folded), [4, 33, 0, 16, 0, 0]);
        // 34 depthwise. Blocks begin with a rectifier of their own where the block before ends in an addition.
        assert_eq!(count(Architecture::Xception, BatchNorm::Folded), [38, 24, 12, 0, 11, 0]);
        // Calibration sees every layer by itself.
        let [bare, relu, add, both, ..] = count(Architecture::ResNet50, BatchNorm::Separate);
        assert_eq!([bare, relu, add, both], [53, 0, 0, 0]);
    }
}
