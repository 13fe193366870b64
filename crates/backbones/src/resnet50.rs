//! ResNet50 v1 as `keras.applications.resnet` builds it (He et al., 2015, arXiv:1512.03385).
//!
//! The stride of a stage is on the first 1x1 convolution of its first block and on the shortcut, not on the 3x3
//! (that would be "v1.5", torchvision's), and every convolution has a bias.

use crate::layers::{Graph, GraphBuilder, Op, Padding};

/// Stage number, width of its bottlenecks, blocks, stride of the first block.
const STAGES: [(usize, usize, usize, usize); 4] = [(2, 64, 3, 1), (3, 128, 4, 2), (4, 256, 6, 2), (5, 512, 3, 2)];

/// The layers, from `input_1` to `avg_pool`.
pub fn graph() -> Graph {
    let mut g = GraphBuilder::default();
    let x = g.add("input_1", Op::Input, &[]);
    let x = g.add("conv1_pad", Op::ZeroPadding2D { pad: 3 }, &[x]);
    let x = g.add(
        "conv1_conv",
        Op::Conv2D { filters: 64, kernel: 7, stride: 2, padding: Padding::Valid, bias: true },
        &[x],
    );
    let x = g.add("conv1_bn", Op::BatchNormalization, &[x]);
    let x = g.add("conv1_relu", Op::Relu, &[x]);
    let x = g.add("pool1_pad", Op::ZeroPadding2D { pad: 1 }, &[x]);
    let mut x = g.add("pool1_pool", Op::MaxPooling2D { pool: 3, stride: 2, padding: Padding::Valid }, &[x]);
    for (stage, width, blocks, stride) in STAGES {
        for block in 1..=blocks {
            let name = format!("conv{stage}_block{block}");
            x = bottleneck(&mut g, &name, x, width, (block == 1).then_some(stride));
        }
    }
    g.add("avg_pool", Op::GlobalAveragePooling2D, &[x]);
    g.finish()
}

/// One block: 1x1, 3x3, 1x1 to four times the width, plus the shortcut, which is a convolution of its own where
/// `projection` gives a stride.
fn bottleneck(g: &mut GraphBuilder, name: &str, input: usize, width: usize, projection: Option<usize>) -> usize {
    let conv = |filters, kernel, stride| Op::Conv2D { filters, kernel, stride, padding: Padding::Same, bias: true };

    let x = g.add(format!("{name}_1_conv"), conv(width, 1, projection.unwrap_or(1)), &[input]);
    let x = g.add(format!("{name}_1_bn"), Op::BatchNormalization, &[x]);
    let x = g.add(format!("{name}_1_relu"), Op::Relu, &[x]);
    let x = g.add(format!("{name}_2_conv"), conv(width, 3, 1), &[x]);
    let x = g.add(format!("{name}_2_bn"), Op::BatchNormalization, &[x]);
    let x = g.add(format!("{name}_2_relu"), Op::Relu, &[x]);

    let (shortcut, x) = if let Some(stride) = projection {
        let shortcut = g.add(format!("{name}_0_conv"), conv(4 * width, 1, stride), &[input]);
        let x = g.add(format!("{name}_3_conv"), conv(4 * width, 1, 1), &[x]);
        let shortcut = g.add(format!("{name}_0_bn"), Op::BatchNormalization, &[shortcut]);
        let x = g.add(format!("{name}_3_bn"), Op::BatchNormalization, &[x]);
        (shortcut, x)
    } else {
        let x = g.add(format!("{name}_3_conv"), conv(4 * width, 1, 1), &[x]);
        let x = g.add(format!("{name}_3_bn"), Op::BatchNormalization, &[x]);
        (input, x)
    };
    let x = g.add(format!("{name}_add"), Op::Add, &[shortcut, x]);
    g.add(format!("{name}_out"), Op::Relu, &[x])
}
