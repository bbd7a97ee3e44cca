//===- GraphOps.td - all operations of the graph dialect, by family -------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_GRAPH_OPS_TD
#define TRINE_GRAPH_OPS_TD

include "dialects/graph/GraphDialect.td"
include "dialects/graph/GraphOps_Storage.td"
include "dialects/graph/GraphOps_Contraction.td"
include "dialects/graph/GraphOps_Attention.td"
include "dialects/graph/GraphOps_Experts.td"
include "dialects/graph/GraphOps_Normalization.td"
include "dialects/graph/GraphOps_Elementwise.td"
include "dialects/graph/GraphOps_Movement.td"

#endif
