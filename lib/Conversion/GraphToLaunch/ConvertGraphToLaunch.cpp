//===- ConvertGraphToLaunch.cpp - fused regions become kernels ------------===//
// In: placed graph operations. Out: kernels, and entries that launch them.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Fp8.h"
#include "dialects/launch/Launch.h"
#include "trine/Conversion/GraphToLaunch.h"
#include "trine/Target/Family.h"
#include "trine/Target/Targets.h"
#include "llvm/ADT/SetVector.h"

namespace trine {
#define GEN_PASS_DEF_CONVERTGRAPHTOLAUNCHPASS
#include "lib/Conversion/GraphToLaunch/GraphToLaunchPasses.h.inc"
} // namespace trine

using namespace mlir;
using namespace trine;

/// Longer chains gain nothing, and a kernel's code grows with its operations.
static constexpr size_t kLongestChain = 32;

namespace {
/// Operations that become one kernel, producers before users; the launch stands
/// where `anchor` stood.
struct Group {
  SmallVector<Operation *> ops;
  Operation *anchor;
};

struct ConvertGraphToLaunch
    : trine::impl::ConvertGraphToLaunchPassBase<ConvertGraphToLaunch> {
  void runOnOperation() override {
    auto set = TargetSet::of(getOperation());
    if (failed(set))
      return signalPassFailure();
    targets = &*set;
    kernelOf.clear();
    namesTaken.clear();
    symbols.emplace(getOperation());
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      for (Block &block : function.getBody()) {
        // Constant-like reads first, so that they dominate every launch.
        hoist(block);
        for (Group &group : formGroups(block))
          launch(group);
      }
  }

  static void hoist(Block &block) {
    Operation *last = nullptr;
    for (Operation &op : llvm::make_early_inc_range(block))
      if (isa<graph::WeightOp>(op)) {
        if (last)
          op.moveAfter(last);
        else
          op.moveBefore(&block, block.begin());
        last = &op;
      }
  }

  //===--------------------------------------------------------------------===//
  // Grouping
  //===--------------------------------------------------------------------===//

  const Target &targetOf(Operation *op) {
    return *targets->find(
        op->getAttrOfType<StringAttr>("launch.device").getValue());
  }

  std::vector<Group> formGroups(Block &block) {
    std::vector<Group> groups;
    grouped.clear();
    for (Operation &op : block) {
      if (!op.hasAttr("launch.device") || grouped.contains(&op))
        continue;
      Group group = groupOf(&op);
      if (group.anchor == &op)
        addSiblings(group);
      grouped.insert_range(group.ops);
      groups.push_back(std::move(group));
    }
    return groups;
  }

  /// The root and its only users, as far as the target fuses them. Operands
  /// from outside dominate the last user, where the kernel will be launched.
  SmallVector<Operation *> chainFrom(Operation *root) {
    SmallVector<Operation *> chain = {root};
    const Target &target = targetOf(root);
    while (chain.back()->getNumResults() == 1 && chain.size() < kLongestChain) {
      Operation *current = chain.back();
      if (current->use_empty())
        break;
      Operation *next = *current->user_begin();
      bool onlyUser = llvm::all_of(
          current->getUsers(), [&](Operation *user) { return user == next; });
      if (!onlyUser || next->getBlock() != root->getBlock() ||
          grouped.contains(next) ||
          next->getAttr("launch.device") != root->getAttr("launch.device") ||
          !target.canFuse(root, next))
        break;
      chain.push_back(next);
    }
    return chain;
  }

  /// The chain, and casts of its last value beside other users. A cast needs
  /// nothing else: the launch may stand before it, for the other users.
  Group groupOf(Operation *root) {
    Group group{chainFrom(root), nullptr};
    Operation *last = group.ops.back();
    if (!isa<graph::CastOp>(last))
      for (Operation *user : last->getUsers())
        if (isa<graph::CastOp>(user) && !grouped.contains(user) &&
            user->getBlock() == root->getBlock() &&
            user->getAttr("launch.device") == root->getAttr("launch.device") &&
            targetOf(root).canFuse(root, user))
          group.ops.push_back(user);
    // Use lists have no order of their own; equal layers are to be one kernel.
    llvm::sort(group.ops, [](Operation *a, Operation *b) {
      return a->isBeforeInBlock(b);
    });
    group.anchor = *llvm::find_if(llvm::reverse(group.ops), [&](Operation *op) {
      return op == root || !isa<graph::CastOp>(op);
    });
    return group;
  }

  /// Other linear layers of the same input that would stand alone but for
  /// casts: one launch, one barrier, and their panels balance over the threads
  /// together.
  void addSiblings(Group &group) {
    Operation *root = group.ops.front();
    if (!isa<graph::LinearOp, fp8::ScaledMatmulOp>(root))
      return;
    SmallVector<Group> siblings;
    for (Operation *sibling : root->getOperand(0).getUsers())
      if (sibling->getName() == root->getName() && sibling != root &&
          sibling->getOperand(0) == root->getOperand(0) &&
          sibling->getBlock() == root->getBlock() &&
          root->isBeforeInBlock(sibling) && !grouped.contains(sibling) &&
          sibling->getAttr("launch.device") == root->getAttr("launch.device") &&
          operandsDominate(sibling, root) &&
          targetOf(root).canFuse(root, sibling))
        if (Group other = groupOf(sibling); other.anchor == sibling)
          siblings.push_back(std::move(other));
    llvm::sort(siblings, [](const Group &a, const Group &b) {
      return a.anchor->isBeforeInBlock(b.anchor);
    });
    for (const Group &other : siblings)
      group.ops.append(other.ops);
  }

  static bool operandsDominate(Operation *op, Operation *position) {
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      Operation *producer = operand.getDefiningOp();
      return !producer || producer->isBeforeInBlock(position);
    });
  }

  //===--------------------------------------------------------------------===//
  // Outlining
  //===--------------------------------------------------------------------===//

  void launch(Group &group) {
    llvm::SmallPtrSet<Operation *, 8> inside(group.ops.begin(),
                                             group.ops.end());
    llvm::SetVector<Value> operands, results;
    for (Operation *op : group.ops) {
      for (Value operand : op->getOperands())
        if (!inside.contains(operand.getDefiningOp()))
          operands.insert(operand);
      for (Value result : op->getResults())
        if (result.use_empty() ||
            llvm::any_of(result.getUsers(), [&](Operation *user) {
              return !inside.contains(user);
            }))
          results.insert(result);
    }
    launch::KernelOp kernel =
        findOrCreate(group, operands.getArrayRef(), results.getArrayRef());
    OpBuilder builder(group.anchor);
    StringRef node = graph::nodeName(group.ops.front()->getLoc());
    auto call = launch::CallOp::create(
        builder, group.ops.front()->getLoc(),
        TypeRange(ValueRange(results.getArrayRef())), kernel.getSymName(),
        operands.getArrayRef(),
        node.empty() ? StringAttr() : builder.getStringAttr(node),
        DenseI64ArrayAttr());
    for (auto [old, result] : llvm::zip_equal(results, call.getResults()))
      Value(old).replaceUsesWithIf(result, [&](OpOperand &use) {
        return !inside.contains(use.getOwner());
      });
    for (Operation *op : llvm::reverse(group.ops))
      op->erase();
    ++launches;
  }

  launch::KernelOp findOrCreate(Group &group, ArrayRef<Value> operands,
                                ArrayRef<Value> results) {
    launch::KernelOp &kernel = kernelOf[structureOf(group, operands, results)];
    if (kernel)
      return kernel;
    kernel = outline(group, operands, results);
    StringRef stem = group.ops.front()->getName().stripDialect();
    std::string name;
    do {
      name = (stem + "_" + llvm::Twine(namesTaken[stem]++)).str();
    } while (symbols->lookup(name));
    kernel.setSymName(name);
    symbols->insert(kernel);
    ++kernels;
    return kernel;
  }

  /// What makes two kernels one. Names, attributes and types are unique in a
  /// context, so their addresses stand for them.
  static std::vector<uintptr_t>
  structureOf(Group &group, ArrayRef<Value> operands, ArrayRef<Value> results) {
    std::vector<uintptr_t> key;
    llvm::DenseMap<Value, uintptr_t> numbers;
    auto add = [&](const void *unique) { key.push_back(uintptr_t(unique)); };
    auto define = [&](Value value) {
      numbers.try_emplace(value, numbers.size());
      add(value.getType().getAsOpaquePointer());
    };
    llvm::for_each(operands, define);
    for (Operation *op : group.ops) {
      add(op->getName().getAsOpaquePointer());
      add(op->getAttrDictionary().getAsOpaquePointer());
      key.push_back(op->getNumOperands());
      for (Value operand : op->getOperands())
        key.push_back(numbers.lookup(operand));
      llvm::for_each(op->getResults(), define);
    }
    for (Value result : results)
      key.push_back(numbers.lookup(result));
    return key;
  }

  /// The kernel's body without locations: nothing of the node it came from.
  launch::KernelOp outline(Group &group, ArrayRef<Value> operands,
                           ArrayRef<Value> results) {
    OpBuilder builder(&getContext());
    Location unknown = builder.getUnknownLoc();
    Operation *root = group.ops.front();
    SmallVector<int64_t> ties;
    for (Value result : results) {
      auto append = result.getDefiningOp<graph::AppendOp>();
      auto tied =
          append ? llvm::find(operands, append.getState()) : operands.end();
      ties.push_back(tied == operands.end() ? -1 : tied - operands.begin());
    }
    auto kernel = launch::KernelOp::create(
        builder, unknown, "kernel",
        root->getAttrOfType<StringAttr>("launch.device").getValue(),
        familyOf(root), ties);
    Block &block = kernel.getBody().emplaceBlock();
    IRMapping map;
    for (Value operand : operands)
      map.map(operand, block.addArgument(operand.getType(), unknown));
    builder.setInsertionPointToStart(&block);
    for (Operation *op : group.ops) {
      Operation *clone = builder.clone(*op, map);
      clone->setLoc(unknown);
      clone->removeAttr("launch.device");
    }
    SmallVector<Value> mapped = llvm::map_to_vector(
        results, [&](Value result) { return map.lookup(result); });
    launch::ReturnOp::create(builder, unknown, mapped);
    return kernel;
  }

  const TargetSet *targets = nullptr;
  llvm::DenseSet<Operation *> grouped;
  std::map<std::vector<uintptr_t>, launch::KernelOp> kernelOf;
  llvm::StringMap<unsigned> namesTaken;
  std::optional<SymbolTable> symbols;
};
} // namespace
