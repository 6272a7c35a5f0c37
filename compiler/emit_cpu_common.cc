#include "compiler/emit_cpu_common.h"

#include <fmt/format.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/Intrinsics.h>

#include <algorithm>
#include <cstddef>

#include "compiler/emit_cpu_epilogue.h"
#include "compiler/sparsity.h"
#include "convoke/error.h"

namespace convoke {

using llvm::Value;

CpuEmitter::CpuEmitter(llvm::Module& module, const ConvSpec& spec_in, const CpuConfig& config_in,
                       const CpuIsa& isa_in)
    : spec(spec_in),
      config(config_in),
      isa(isa_in),
      schedule(make_cpu_schedule(spec_in, config_in, isa_in)),
      epilogue(Epilogue::parse(spec_in.epilogue)),
      lanes(isa_in.lanes()),
      b(module.getContext()) {
  llvm::Type* ptr = b.getPtrTy();
  llvm::Type* i64_type = b.getInt64Ty();
  auto* type = llvm::FunctionType::get(b.getVoidTy(), {ptr, i64_type, i64_type, ptr}, false);
  function = llvm::Function::Create(type, llvm::Function::ExternalLinkage, kCpuKernelEntry, module);
  function->addFnAttr(llvm::Attribute::NoUnwind);
  entry_ = llvm::BasicBlock::Create(module.getContext(), "entry", function);
  b.SetInsertPoint(entry_);
  Value* args = function->getArg(0);
  task_begin_ = function->getArg(1);
  task_end_ = function->getArg(2);
  scratch = function->getArg(3);
  auto field = [&](std::size_t at, llvm::Type* field_type) {
    return b.CreateLoad(field_type, offset(args, static_cast<std::int64_t>(at)));
  };
  x = field(offsetof(CpuKernelArgs, x), ptr);
  w = field(offsetof(CpuKernelArgs, w), ptr);
  y = field(offsetof(CpuKernelArgs, y), ptr);
  n = field(offsetof(CpuKernelArgs, n), i64_type);
  for (std::size_t i = 0; i < epilogue.operands().size(); ++i) {
    operands.push_back(field(offsetof(CpuKernelArgs, operand) + i * sizeof(void*), ptr));
  }
  if (Quant::parse(spec.quant).zero_point)
    x_zero = field(offsetof(CpuKernelArgs, x_zero), i64_type);
  tables = pattern_tables(module);
}

Value* CpuEmitter::pattern_tables(llvm::Module& module) {
  const SparseTables& sparse = schedule.sparse;
  if (sparse.form == SparseForm::kDense || sparse.form == SparseForm::kMasked) return nullptr;
  if (Sparsity::parse(spec.sparsity).bound) {
    Value* place = offset(function->getArg(0), offsetof(CpuKernelArgs, pattern));
    return b.CreateLoad(b.getPtrTy(), place);
  }
  if (spec.pattern == nullptr) {
    throw Error(ErrorCode::kUsage,
                fmt::format("sparsity {} has no pattern to emit: set ConvSpec::pattern, or add "
                            ":bound",
                            spec.sparsity));
  }
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(sparse.bytes));
  write_sparse_tables(spec, schedule, *spec.pattern, bytes.data());
  // What follows is for packing.
  const bool packs_sources =
      sparse.form == SparseForm::kLists || sparse.form == SparseForm::kWindows;
  bytes.resize(static_cast<std::size_t>(packs_sources ? sparse.sources : sparse.bits));
  llvm::Constant* data = llvm::ConstantDataArray::get(module.getContext(), bytes);
  auto* constant = new llvm::GlobalVariable(module, data->getType(), true,
                                            llvm::GlobalValue::PrivateLinkage, data, "pattern");
  constant->setAlignment(llvm::Align(64));
  return constant;
}

Value* CpuEmitter::table_i32(std::int64_t at, Value* index) {
  Value* entry =
      b.CreateAlignedLoad(b.getInt32Ty(), offset(tables, add(mul(index, 4), at)), llvm::Align(4));
  return b.CreateSExt(entry, b.getInt64Ty());
}

Value* CpuEmitter::table_i64(std::int64_t at, Value* index) {
  return b.CreateAlignedLoad(b.getInt64Ty(), offset(tables, add(mul(index, 8), at)),
                             llvm::Align(8));
}

void CpuEmitter::loop(Value* begin, Value* end, std::int64_t step, const Body& body) {
  auto* begin_constant = llvm::dyn_cast<llvm::ConstantInt>(begin);
  auto* end_constant = llvm::dyn_cast<llvm::ConstantInt>(end);
  if (begin_constant && end_constant) {
    const std::int64_t trips = end_constant->getSExtValue() - begin_constant->getSExtValue();
    if (trips <= 0) return;
    if (trips <= step) {
      body(begin);
      return;
    }
  }
  llvm::LLVMContext& context = b.getContext();
  auto* head = llvm::BasicBlock::Create(context, "loop", function);
  auto* done = llvm::BasicBlock::Create(context, "done", function);
  llvm::BasicBlock* before = b.GetInsertBlock();
  if (begin_constant && end_constant) {
    b.CreateBr(head);
  } else {
    b.CreateCondBr(b.CreateICmpSLT(begin, end), head, done);
  }
  b.SetInsertPoint(head);
  llvm::PHINode* index = b.CreatePHI(b.getInt64Ty(), 2);
  index->addIncoming(begin, before);
  body(index);
  Value* next = add(index, step);
  index->addIncoming(next, b.GetInsertBlock());
  b.CreateCondBr(b.CreateICmpSLT(next, end), head, done);
  b.SetInsertPoint(done);
}

void CpuEmitter::if_then(Value* condition, const std::function<void()>& then) {
  if_else(condition, then, {});
}

void CpuEmitter::if_else(Value* condition, const std::function<void()>& then,
                         const std::function<void()>& otherwise) {
  llvm::LLVMContext& context = b.getContext();
  auto* yes = llvm::BasicBlock::Create(context, "then", function);
  auto* no = otherwise ? llvm::BasicBlock::Create(context, "else", function) : nullptr;
  auto* done = llvm::BasicBlock::Create(context, "endif", function);
  b.CreateCondBr(condition, yes, no ? no : done);
  b.SetInsertPoint(yes);
  then();
  b.CreateBr(done);
  if (no) {
    b.SetInsertPoint(no);
    otherwise();
    b.CreateBr(done);
  }
  b.SetInsertPoint(done);
}

llvm::AllocaInst* CpuEmitter::variable(llvm::Type* type) {
  llvm::IRBuilder<> at_entry(entry_, entry_->begin());
  return at_entry.CreateAlloca(type);
}

Value* CpuEmitter::fma(Value* a, Value* c, Value* acc) {
  if (isa.has_fma()) {
    return b.CreateIntrinsic(acc->getType(), llvm::Intrinsic::fma, {a, c, acc});
  }
  return b.CreateFAdd(b.CreateFMul(a, c), acc);
}

std::pair<Value*, Value*> CpuEmitter::valid_taps(Value* at, Range live, std::int64_t stride,
                                                 std::int64_t pad, std::int64_t dilation,
                                                 std::int64_t extent) {
  // Tap t reads at*stride - pad + t*dilation: the first and the last that fall into [0, extent).
  Value* start = add(mul(at, stride), -pad);
  Value* below = max(sub(i64(0), start), i64(0));
  Value* first = max(div(add(below, dilation - 1), dilation), i64(live.begin));
  Value* room = sub(i64(extent - 1), start);
  Value* inside = b.CreateICmpSGE(room, i64(0));
  Value* last = add(div(max(room, i64(0)), dilation), 1);
  Value* end = b.CreateSelect(inside, min(last, i64(live.end)), i64(live.begin));
  return {first, end};
}

std::pair<Value*, Value*> CpuEmitter::valid_r(Value* p) {
  const Range live = spec.live_r();
  if (spec.valid_r(0) == live && spec.valid_r(spec.p - 1) == live) {
    return {i64(live.begin), i64(live.end)};
  }
  return valid_taps(p, live, spec.stride_h, spec.pad_h, spec.dilation_h, spec.h);
}

std::pair<Value*, Value*> CpuEmitter::valid_s(Value* q) {
  const Range live = spec.live_s();
  if (spec.valid_s(0) == live && spec.valid_s(spec.q - 1) == live) {
    return {i64(live.begin), i64(live.end)};
  }
  return valid_taps(q, live, spec.stride_w, spec.pad_w, spec.dilation_w, spec.w);
}

Value* CpuEmitter::y_offset(Value* image, Value* k, Value* p, Value* q) {
  if (spec.y_layout == Layout::kNhwc) {
    Value* pixel = add(mul(add(mul(image, spec.p), p), spec.q), q);
    return add(mul(pixel, spec.k), k);
  }
  Value* row = add(mul(add(mul(image, spec.k), k), spec.p), p);
  return add(mul(row, spec.q), q);
}

/// What the epilogue begins with. An s32 output is the sum itself, which f32 need not hold.
Value* CpuEmitter::sum_to_float(Value* acc) {
  const bool integer = acc->getType()->isIntOrIntVectorTy();
  return integer && spec.y_type != DataType::kS32 ? b.CreateSIToFP(acc, vec(lanes)) : acc;
}

void CpuEmitter::finish(Value* acc, Value* k, Value* at, int count, int stored) {
  acc = sum_to_float(acc);
  std::vector<Value*> values;
  const std::int64_t stride = y_channel_stride();
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const DataType type = epilogue.operands()[i].element_type(spec.y_type);
    if (epilogue.operands()[i].per_channel) {
      values.push_back(load_vector(offset(operands[i], mul(k, 4)), type, lanes, count));
    } else if (stride == 1) {
      Value* pointer = offset(operands[i], mul(at, size_of(type)));
      values.push_back(load_vector(pointer, type, lanes, count));
    } else {
      values.push_back(strided_load(operands[i], at, stride, type, count));
    }
  }
  Value* result = lower_epilogue(b, epilogue, acc, values);
  const int size = size_of(spec.y_type);
  if (stride == 1) {
    store_vector(result, offset(y, mul(at, size)), spec.y_type, std::max(count, stored));
    return;
  }
  for (int lane = 0; lane < count; ++lane) {
    Value* pointer = offset(y, mul(add(at, lane * stride), size));
    store_scalar(b.CreateExtractElement(result, lane), pointer, spec.y_type);
  }
}

void CpuEmitter::finish_row(Value* acc, Value* k, Value* at, int count) {
  acc = sum_to_float(acc);
  std::vector<Value*> values;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const DataType type = epilogue.operands()[i].element_type(spec.y_type);
    values.push_back(
        epilogue.operands()[i].per_channel
            ? splat(load_scalar(offset(operands[i], mul(k, 4)), type))
            : load_vector(offset(operands[i], mul(at, size_of(type))), type, lanes, count));
  }
  Value* result = lower_epilogue(b, epilogue, acc, values);
  store_vector(result, offset(y, mul(at, size_of(spec.y_type))), spec.y_type, count);
}

std::vector<Value*> CpuEmitter::transpose(std::vector<Value*> rows) {
  // Squares of 4 within 128 bits, whose shuffles are cheap, then squares of such blocks.
  const auto width = static_cast<unsigned>(lanes);
  std::vector<int> masks[4];  // low and high pairs of f32, low and high pairs of 64 bits
  for (int block = 0; block < lanes; block += 4) {
    for (const int half : {0, 1}) {
      const int i = block + 2 * half;
      masks[half].insert(masks[half].end(), {block + 2 * half, i + lanes, i + 1, i + 1 + lanes});
      masks[2 + half].insert(masks[2 + half].end(), {i, i + 1, i + lanes, i + 1 + lanes});
    }
  }
  const auto shuffle = [&](Value* first, Value* second, const std::vector<int>& mask) {
    return b.CreateShuffleVector(first, second, mask);
  };
  for (std::size_t g = 0; g < width; g += 4) {
    Value* low_01 = shuffle(rows[g], rows[g + 1], masks[0]);
    Value* high_01 = shuffle(rows[g], rows[g + 1], masks[1]);
    Value* low_23 = shuffle(rows[g + 2], rows[g + 3], masks[0]);
    Value* high_23 = shuffle(rows[g + 2], rows[g + 3], masks[1]);
    rows[g] = shuffle(low_01, low_23, masks[2]);
    rows[g + 1] = shuffle(low_01, low_23, masks[3]);
    rows[g + 2] = shuffle(high_01, high_23, masks[2]);
    rows[g + 3] = shuffle(high_01, high_23, masks[3]);
  }
  for (int size = 4; size < lanes; size *= 2) {
    std::vector<int> low, high;
    for (int lane = 0; lane < lanes; ++lane) {
      const bool second = (lane & size) != 0;
      low.push_back(second ? lane - size + lanes : lane);
      high.push_back(second ? lane + lanes : lane + size);
    }
    for (int i = 0; i < lanes; ++i) {
      if ((i & size) != 0) continue;
      Value*& first = rows[static_cast<std::size_t>(i)];
      Value*& second = rows[static_cast<std::size_t>(i + size)];
      std::tie(first, second) =
          std::pair{shuffle(first, second, low), shuffle(first, second, high)};
    }
  }
  return rows;
}

Value* CpuEmitter::strided_load(Value* base, Value* at, std::int64_t stride, DataType type,
                                int count) {
  Value* result = zero();
  for (int lane = 0; lane < count; ++lane) {
    Value* pointer = offset(base, mul(add(at, lane * stride), size_of(type)));
    result = b.CreateInsertElement(result, load_scalar(pointer, type), lane);
  }
  return result;
}

void CpuEmitter::for_each_task(const std::function<void(const Task&)>& body) {
  const CpuSchedule& plan = schedule;
  const PanelKind& last = plan.weights.kinds.back();
  Value* image_blocks =
      plan.images_per_task == 1 ? n : div(add(n, plan.images_per_task - 1), plan.images_per_task);
  loop(task_begin_, task_end_, 1, [&](Value* task) {
    auto block = [&](Value* index, std::int64_t size, Value* limit) {
      Value* begin = mul(index, size);
      return std::pair{begin, min(add(begin, size), limit)};
    };
    Task t;
    Value* row_block = rem(task, plan.row_blocks);
    Value* rest = div(task, plan.row_blocks);
    Value* image_block = b.CreateURem(rest, image_blocks);
    rest = b.CreateUDiv(rest, image_blocks);
    std::tie(t.row_begin, t.row_end) = block(row_block, plan.rows_per_task, i64(spec.p));
    std::tie(t.image_begin, t.image_end) = block(image_block, plan.images_per_task, n);
    std::tie(t.panel_begin, t.panel_end) =
        block(rem(rest, plan.filter_blocks), plan.panels_per_task, i64(last.first + last.count));
    if (plan.filter_blocks == 1) t.panel_end = i64(last.first + last.count);
    if (plan.row_blocks == 1) t.row_end = i64(spec.p);
    t.group = mul(div(rest, plan.filter_blocks), plan.groups_per_task);
    body(t);
  });
  b.CreateRetVoid();
}

PanelPlace CpuEmitter::panel_place(const Task& task, const PanelPiece& piece, Value* panel) {
  Value* index = sub(panel, i64(piece.first));
  Value* element = add(mul(task.group, schedule.weights.group_elements),
                       add(mul(index, piece.panel_elements), piece.offset));
  Value* k = add(mul(task.group, spec.k_per_group()),
                 add(mul(index, std::int64_t{piece.vectors} * lanes), piece.first_filter));
  PanelPlace place{offset(w, mul(element, size_of(schedule.weights.type))), k};
  if (schedule.weights.sums != 0) {
    Value* filter = sub(k, mul(task.group, spec.k_per_group()));
    const std::int64_t group_bytes =
        schedule.weights.sums_at(1, 0, 0) - schedule.weights.sums_at(0, 0, 0);
    place.sums =
        offset(w, add(add(mul(task.group, group_bytes), mul(filter, 4)), schedule.weights.sums));
  }
  return place;
}

}  // namespace convoke
