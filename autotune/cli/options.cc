#include "autotune/cli/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>

#include "compiler/epilogue.h"
#include "compiler/sparsity.h"

namespace convoke::cli {
namespace {

constexpr double kMaxBudgetSeconds = 1e6;
constexpr int kMaxOrdinal = 1023;

[[noreturn]] void usage(const std::string& message) { throw Error(ErrorCode::kUsage, message); }

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find(separator, begin);
    parts.emplace_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

/// Runs a library parser and puts the option's name before its sentence.
template <typename Parse>
auto with_option(const char* option, Parse parse) {
  try {
    return parse();
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", option, error.what()));
  }
}

std::vector<Pass> parse_passes(const std::string& text) {
  std::vector<Pass> passes;
  if (text.empty()) return passes;
  for (const std::string& word : split(text, ',')) {
    const Pass pass = with_option("--pass", [&] { return parse_pass(word); });
    if (std::find(passes.begin(), passes.end(), pass) != passes.end())
      usage(fmt::format("--pass: '{}' is named twice in '{}'", word, text));
    passes.push_back(pass);
  }
  return passes;
}

/// A word `key=value` after a descriptor belongs to it, so that both may be given without quotes.
std::vector<std::string> join_words(const std::vector<std::string>& words) {
  std::vector<std::string> descriptors;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    const bool pair = equals != std::string::npos && equals > 0 &&
                      word.find(' ') == std::string::npos &&
                      std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(equals),
                                  [](char c) { return c >= 'a' && c <= 'z'; });
    if (!pair) {
      descriptors.push_back(word);
    } else if (descriptors.empty()) {
      usage(fmt::format("'{}' comes before any descriptor: write DESCRIPTOR {}", word, word));
    } else {
      descriptors.back() += " " + word;
    }
  }
  return descriptors;
}

/// Gives a sparse problem the pattern that is named, or one that is drawn.
void add_pattern(const Selectors& selectors, ConvSpec& spec) {
  if (selectors.pattern) {
    if (spec.sparsity.empty()) spec.sparsity = selectors.pattern->signature();
    spec = with_option("--pattern", [&] { return with_pattern(spec, selectors.pattern); });
  } else if (!spec.sparsity.empty() && !Sparsity::parse(spec.sparsity).bound) {
    spec = with_pattern(spec, SparsityPattern::random(spec, selectors.seed));
  }
}

/// `problem` with the overrides of the command line. @throws Error kUsage if they do not fit
/// together.
Problem apply(const Selectors& selectors, const Problem& problem, std::optional<Pass> pass) {
  Problem result = problem;
  ConvSpec& spec = result.spec;
  if (pass) spec.pass = *pass;
  if (selectors.dtype) set_data_type(spec, *selectors.dtype);
  if (selectors.layout) spec.x_layout = spec.y_layout = *selectors.layout;
  if (selectors.epilogue) spec.epilogue = *selectors.epilogue;
  if (selectors.batch) spec.n = *selectors.batch;
  if (selectors.sparsity) {
    // The text form owns the grammar of sparsity, so the word goes through it.
    spec.sparsity.clear();
    spec = parse_problem(print_spec(spec) + " sparsity=" + *selectors.sparsity).spec;
  }
  spec.validate();
  add_pattern(selectors, spec);
  return result;
}

std::string where(const Problem& problem) {
  return problem.name.empty() ? print_spec(problem.spec) : problem.name;
}

}  // namespace

std::int64_t parse_integer(std::string_view option, std::string_view text, std::int64_t lo,
                           std::int64_t hi) {
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = !text.empty() && end == text.data() + text.size();
  if (!whole || status == std::errc::invalid_argument)
    usage(fmt::format("{}: '{}' is not an integer; it takes {} to {}", option, text, lo, hi));
  if (status != std::errc() || value < lo || value > hi)
    usage(fmt::format("{}: {} is outside {} to {}", option, text, lo, hi));
  return value;
}

double parse_number(std::string_view option, std::string_view text, double lo, double hi) {
  double value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size() || status == std::errc::invalid_argument)
    usage(fmt::format("{}: '{}' is not a number; it takes {} to {}", option, text, lo, hi));
  if (status != std::errc() || !(value >= lo && value <= hi))
    usage(fmt::format("{}: {} is outside {} to {}", option, text, lo, hi));
  return value;
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    std::vector<std::size_t> row(candidate.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 0; i < word.size(); ++i) {
      std::size_t diagonal = row[0]++;
      for (std::size_t j = 0; j < candidate.size(); ++j) {
        const std::size_t substitute = diagonal + (word[i] != candidate[j]);
        diagonal = row[j + 1];
        row[j + 1] = std::min({substitute, row[j] + 1, row[j + 1] + 1});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

Selectors parse(const RawSelectors& raw) {
  Selectors result;
  result.files = raw.files;
  result.descriptors = join_words(raw.words);
  result.target = raw.target;
  result.json = raw.json;
  result.passes = parse_passes(raw.pass);
  if (!raw.dtype.empty())
    result.dtype = with_option("--dtype", [&] { return parse_data_type(raw.dtype); });
  if (!raw.layout.empty())
    result.layout = with_option("--layout", [&] { return parse_layout(raw.layout); });
  if (!raw.epilogue.empty())
    result.epilogue =
        with_option("--epilogue", [&] { return Epilogue::parse(raw.epilogue).text(); });
  if (!raw.sparsity.empty()) {
    if (raw.sparsity.find(' ') != std::string::npos)
      usage(fmt::format("--sparsity: '{}' holds a space; write KIND:KEEP, as in channel:0.5",
                        raw.sparsity));
    result.sparsity = raw.sparsity;
  }
  if (!raw.pattern.empty())
    result.pattern = with_option("--pattern", [&] { return SparsityPattern::load(raw.pattern); });
  if (raw.batch == "?") {
    result.batch = kOpenBatch;
  } else if (!raw.batch.empty()) {
    result.batch = parse_integer("--batch", raw.batch, 1, kMaxDim);
  }
  if (!raw.config.empty())
    result.config = with_option("--config", [&] { return parse_config(raw.config); });
  if (!raw.budget.empty())
    result.budget_seconds = parse_number("--budget", raw.budget, 0, kMaxBudgetSeconds);
  if (!raw.workspace_limit.empty())
    result.workspace_limit = parse_integer("--workspace-limit", raw.workspace_limit, 0,
                                           std::numeric_limits<std::int64_t>::max());
  if (!raw.seed.empty())
    result.seed = static_cast<std::uint64_t>(
        parse_integer("--seed", raw.seed, 0, std::numeric_limits<std::int64_t>::max()));
  return result;
}

std::vector<Problem> select_problems(const Selectors& selectors) {
  std::vector<Problem> listed;
  for (const std::string& file : selectors.files) {
    for (Problem problem : read_problem_list(file)) {
      // Networks name their layers alike.
      if (selectors.files.size() > 1 && !problem.name.empty())
        problem.name = std::filesystem::path(file).stem().string() + "/" + problem.name;
      listed.push_back(std::move(problem));
    }
  }
  for (const std::string& text : selectors.descriptors) {
    try {
      listed.push_back(parse_problem(text));
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("problem '{}': {}", text, error.what()));
    }
  }
  if (listed.empty())
    usage(
        "no problem given: name a list with --problems FILE or write a descriptor, as in "
        "mb1ic3ih32oc64kh3ph1");

  std::vector<std::optional<Pass>> passes(selectors.passes.begin(), selectors.passes.end());
  if (passes.empty()) passes.push_back(std::nullopt);
  if (selectors.pattern && listed.size() * passes.size() > 1)
    usage(fmt::format("--pattern: {} is one problem's, {} are given",
                      selectors.pattern->description(), listed.size() * passes.size()));
  std::vector<Problem> result;
  for (const Problem& problem : listed) {
    for (const std::optional<Pass>& pass : passes) {
      try {
        result.push_back(apply(selectors, problem, pass));
      } catch (const Error& error) {
        throw Error(error.code(), fmt::format("{}: {}", where(problem), error.what()));
      }
    }
  }
  return result;
}

std::vector<CudaDevice> parse_archs(const std::vector<std::string>& words,
                                    const std::string& target) {
  if (!words.empty() && target != "auto" && target != "cuda")
    usage(
        fmt::format("--arch names a GPU that need not be here: it goes with --target cuda, not "
                    "with --target {}",
                    target));
  std::vector<CudaDevice> archs;
  for (const std::string& text : words) {
    for (const std::string& word : split(text, ',')) {
      const CudaDevice device = with_option("--arch", [&] { return parse_arch(word); });
      for (const CudaDevice& other : archs)
        if (arch_name(other) == arch_name(device))
          usage(fmt::format("--arch: {} is named twice", arch_name(device)));
      archs.push_back(device);
    }
  }
  return archs;
}

int parse_ordinal(const std::string& target) {
  return target.rfind("cuda:", 0) != 0
             ? 0
             : static_cast<int>(parse_integer("--target cuda:N", target.substr(5), 0, kMaxOrdinal));
}

Device open_device(const std::string& target) {
  if (target != "auto" && target != "cpu" && target != "cuda" && target.rfind("cuda:", 0) != 0)
    usage(
        fmt::format("--target: '{}' is not a target; it takes auto, cpu, cuda or cuda:N", target));
  parse_ordinal(target);
  return Device::open(target);
}

}  // namespace convoke::cli
