# SPDX-License-Identifier: MIT
"""Rewrites a network until every layer that the KPU can take is one of the KPU's.

Each rewriting leaves a valid ONNX model that computes the same.
"""

from __future__ import annotations

from microkpu.convert.errors import ConvertError
from microkpu.convert.graph import Graph, Pass
from microkpu.convert.passes.activations import split_abs, split_prelu
from microkpu.convert.passes.batch_norm import fold_batch_norm, fold_scales
from microkpu.convert.passes.constants import drop_unused_batch, fold_constants
from microkpu.convert.passes.convolutions import make_convolutions_legal
from microkpu.convert.passes.crops import (
    align_crops,
    dense_over_border,
    keep_padding_of_pixels,
    sink_crops,
)
from microkpu.convert.passes.dense import (
    dense_in_parts,
    flat_products,
    pixels_to_dense,
    read_planes,
    sink_reshapes,
    to_convolution,
    to_gemm,
)
from microkpu.convert.passes.entry import absorb_input_scale
from microkpu.convert.passes.joins import (
    add_on_kpu,
    double,
    select_channels,
)
from microkpu.convert.passes.layers import own_layers, pick_in_convolution
from microkpu.convert.passes.moves import choose_by_moves, recognise_moves
from microkpu.convert.passes.pads import fuse_pads, join_pads
from microkpu.convert.passes.parameters import (
    bias_apart,
    reduce_nothing,
    refuse_odd_parameters,
)
from microkpu.convert.passes.parts import depthwise_in_parts
from microkpu.convert.passes.pools import means_over_maps, plain_ceiling
from microkpu.convert.passes.tidy import (
    join_reshapes,
    log_of_softmax,
    one_spelling,
    remove_idle_nodes,
    remove_quantisation,
    tiles_as_concats,
    two_at_a_time,
)
from microkpu.convert.passes.transposes import planar_input, sink_transposes
from microkpu.convert.passes.upsampling import (
    deep_to_crd,
    resize_by_matrices,
    transposed_by_phases,
)
from microkpu.convert.passes.windows import spell_out_padding

# In order; after one has changed something all begin anew, so each sees what those before leave.
ALWAYS: tuple[Pass, ...] = (
    plain_ceiling,
    fold_constants,
    drop_unused_batch,
    bias_apart,
    reduce_nothing,
    remove_quantisation,
    remove_idle_nodes,
    one_spelling,
    two_at_a_time,
    log_of_softmax,
    recognise_moves,
    choose_by_moves,
    tiles_as_concats,
    join_reshapes,
    spell_out_padding,
    planar_input,
    sink_transposes,
    to_gemm,
    flat_products,
    read_planes,
    absorb_input_scale,
    fold_batch_norm,
    split_prelu,
    split_abs,
    fold_scales,
    means_over_maps,
    join_pads,
    double,
)
# These would undo what later ones do.
CLEANING: tuple[Pass, ...] = (*ALWAYS, fuse_pads, pixels_to_dense)
LOWERING: tuple[Pass, ...] = (
    *ALWAYS,
    deep_to_crd,
    sink_crops,
    dense_over_border,
    dense_in_parts,
    to_convolution,
    sink_reshapes,
    transposed_by_phases,
    resize_by_matrices,
    select_channels,
    make_convolutions_legal,
    align_crops,
    pick_in_convolution,
    keep_padding_of_pixels,
    add_on_kpu,
)
# Layers that only hand on would move again.
FINISHING: tuple[Pass, ...] = (remove_idle_nodes, fold_scales, own_layers, depthwise_in_parts)
# More rounds than any network needs: rewritings that undo each other must end.
MOST_ROUNDS, MOST_ROUNDS_EACH = 500, 20


def rewrite(graph: Graph) -> None:
    """Runs all rewritings until none has anything left to do; the graph is changed in place."""
    # What depends on constants only is one before parameters are judged.
    while any(_run(graph, each) for each in (fold_constants, drop_unused_batch, reduce_nothing)):
        pass
    refuse_odd_parameters(graph)
    for passes in (CLEANING, LOWERING, FINISHING):
        for _ in range(MOST_ROUNDS + MOST_ROUNDS_EACH * len(graph.nodes)):
            if not any(_run(graph, each) for each in passes):
                break
        else:
            raise ConvertError(
                "rewriting the network does not come to an end: this is an error of the "
                "converter: please report it with the model"
            )


def _run(graph: Graph, each: Pass) -> bool:
    if not each(graph):
        return False
    graph.tidy()
    graph.infer()
    return True
