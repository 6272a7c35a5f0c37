// The C ABI's sparsity patterns; the rest of it is in c_api.cc.
#include <vector>

#include "runtime/c_api_handles.h"

using namespace convoke;
using c_api::given;
using c_api::guarded;

namespace {

/// What the functions that make a pattern share.
template <typename Make>
convoke_status make_pattern(convoke_pattern** pattern, const Make& make) {
  return guarded([&] {
    given(pattern, "pattern") = nullptr;
    const SparsityPattern::Ptr made = make();
    *pattern = new convoke_pattern{made, made->text()};
  });
}

}  // namespace

convoke_status convoke_pattern_by_magnitude(const convoke_spec* spec, const float* w, size_t count,
                                            convoke_pattern** pattern) {
  return make_pattern(pattern, [&] {
    return SparsityPattern::by_magnitude(given(spec, "spec").problem.spec, &given(w, "w"), count);
  });
}

convoke_status convoke_pattern_random(const convoke_spec* spec, uint64_t seed,
                                      convoke_pattern** pattern) {
  return make_pattern(
      pattern, [&] { return SparsityPattern::random(given(spec, "spec").problem.spec, seed); });
}

convoke_status convoke_pattern_from_mask(const convoke_spec* spec, const uint8_t* mask,
                                         size_t count, convoke_pattern** pattern) {
  return make_pattern(pattern, [&] {
    return SparsityPattern::from_mask(given(spec, "spec").problem.spec, &given(mask, "mask"),
                                      count);
  });
}

convoke_status convoke_pattern_from_units(const convoke_spec* spec, const int64_t* kept,
                                          size_t count, convoke_pattern** pattern) {
  return make_pattern(pattern, [&] {
    if (count > 0) given(kept, "kept");
    return SparsityPattern::from_units(given(spec, "spec").problem.spec,
                                       std::vector<std::int64_t>(kept, kept + count));
  });
}

convoke_status convoke_pattern_load(const char* path, convoke_pattern** pattern) {
  return make_pattern(pattern, [&] { return SparsityPattern::load(&given(path, "path")); });
}

convoke_status convoke_pattern_parse(const char* text, convoke_pattern** pattern) {
  return make_pattern(pattern, [&] { return SparsityPattern::parse(&given(text, "text")); });
}

convoke_status convoke_pattern_save(const convoke_pattern* pattern, const char* path) {
  return guarded([&] { given(pattern, "pattern").pattern->save(&given(path, "path")); });
}

convoke_status convoke_pattern_get(const convoke_pattern* pattern, convoke_pattern_info* info) {
  return guarded([&] {
    const SparsityPattern& p = *given(pattern, "pattern").pattern;
    given(info, "info") = {pattern->text.c_str(), p.signature().c_str(), p.hash().c_str(),
                           p.kept().data(),       p.kept().size(),       p.units(),
                           p.kept_weights()};
  });
}

void convoke_pattern_destroy(convoke_pattern* pattern) { delete pattern; }

convoke_status convoke_spec_set_pattern(convoke_spec* spec, const convoke_pattern* pattern) {
  return guarded([&] {
    Problem problem = given(spec, "spec").problem;
    if (pattern == nullptr)
      problem.spec.pattern = nullptr;
    else
      problem.spec = with_pattern(problem.spec, pattern->pattern);
    *spec = convoke_spec(std::move(problem));
  });
}
