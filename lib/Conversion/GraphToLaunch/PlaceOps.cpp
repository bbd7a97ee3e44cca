//===- PlaceOps.cpp - a device for each operation -------------------------===//
// In: graph operations. Out: the same with `launch.device`.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/Graph.h"
#include "dialects/launch/Launch.h"
#include "trine/Conversion/GraphToLaunch.h"
#include "trine/Target/Family.h"
#include "trine/Target/Targets.h"
#include "llvm/Support/GlobPattern.h"

namespace trine {
#define GEN_PASS_DEF_PLACEOPSPASS
#include "lib/Conversion/GraphToLaunch/GraphToLaunchPasses.h.inc"
} // namespace trine

using namespace mlir;
using namespace trine;

/// Runs every graph operation, slowly.
static constexpr StringLiteral kInterpreter = "reference";

namespace {
struct Rule {
  llvm::GlobPattern pattern;
  StringRef text, device;
  bool used = false;
};

struct PlaceOps : trine::impl::PlaceOpsPassBase<PlaceOps> {
  void runOnOperation() override {
    auto set = TargetSet::of(getOperation());
    if (failed(set) || failed(parseRules(*set)))
      return signalPassFailure();
    targets = &*set;
    placement.clear();
    bool failed = false;
    getOperation().walk([&](Operation *op) {
      if (graph::isGraphOp(op) &&
          !isa<graph::ParameterOp, graph::StateOp>(op) && !familyOf(op).empty())
        failed |= mlir::failed(place(op));
    });
    for (const Rule &rule : rules)
      if (!rule.used) {
        getOperation().emitError()
            << "placement '" << rule.text << "' matches no operation";
        failed = true;
      }
    if (failed)
      return signalPassFailure();
    getOperation()->setAttr("launch.placement",
                            ArrayAttr::get(&getContext(), placement));
  }

  LogicalResult parseRules(const TargetSet &set) {
    rules.clear();
    auto texts = getOperation()->getAttrOfType<ArrayAttr>("launch.place");
    if (!texts)
      return success();
    for (auto attr : texts.getAsRange<StringAttr>()) {
      auto [pattern, device] = attr.getValue().rsplit('=');
      auto glob = llvm::GlobPattern::create(pattern);
      if (!glob || device.empty()) {
        llvm::consumeError(glob.takeError());
        return getOperation().emitError()
               << "expected PATTERN=DEVICE, got '" << attr.getValue() << "'";
      }
      if (!set.find(device))
        return getOperation().emitError()
               << "placement '" << attr.getValue() << "': unknown device '"
               << device << "'; known are " << knownDevices(set);
      rules.push_back({std::move(*glob), attr.getValue(), device});
    }
    return success();
  }

  static std::string knownDevices(const TargetSet &set) {
    std::string names;
    for (const auto &target : set.all())
      names += (names.empty() ? "" : ", ") + target->name().str();
    return names;
  }

  StringRef wish(Operation *op) {
    // A state never travels: its append goes with the attention that reads it.
    if (isa<graph::AppendOp>(op))
      for (Operation *user : op->getUsers())
        if (isa<graph::AttentionOp>(user))
          return wish(user);
    StringRef device = targets->preferred().name();
    StringRef name = op->getName().getStringRef();
    StringRef node = graph::nodeName(op->getLoc());
    for (Rule &rule : rules)
      if (rule.pattern.match(name) ||
          (!node.empty() && rule.pattern.match(node))) {
        rule.used = true;
        device = rule.device;
      }
    return device;
  }

  LogicalResult place(Operation *op) {
    StringRef device = wish(op);
    std::string reason = targets->find(device)->whyUnsupported(op);
    bool asked = device != targets->preferred().name();
    if (!reason.empty()) {
      if (device != launch::kHost)
        reason = device.str() + ": " + reason;
      std::string hostReason = targets->find(launch::kHost)->whyUnsupported(op);
      device = launch::kHost;
      if (!hostReason.empty()) {
        device = kInterpreter;
        if (!targets->find(device)->whyUnsupported(op).empty())
          return op->emitOpError() << "is not supported: " << hostReason;
      }
      ++fallbacks;
    }
    op->setAttr("launch.device", StringAttr::get(&getContext(), device));
    if (asked || !reason.empty())
      record(op, device,
             reason.empty() ? StringRef(kPlacedByRequest) : StringRef(reason));
    return success();
  }

  void record(Operation *op, StringRef device, StringRef reason) {
    Builder builder(&getContext());
    placement.push_back(builder.getDictionaryAttr({
        builder.getNamedAttr(
            "node", builder.getStringAttr(graph::nodeName(op->getLoc()))),
        builder.getNamedAttr(
            "op", builder.getStringAttr(op->getName().getStringRef())),
        builder.getNamedAttr("device", builder.getStringAttr(device)),
        builder.getNamedAttr("reason", builder.getStringAttr(reason)),
    }));
  }

  const TargetSet *targets = nullptr;
  std::vector<Rule> rules;
  SmallVector<Attribute> placement;
};
} // namespace
