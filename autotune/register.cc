// Makes plans ask the tuning database. Linked as an object file into whatever uses the tuner (see CMakeLists.txt): in
// an archive, nothing would refer to it and the linker would drop it.
#include "autotune/tune.h"

namespace convoke {
namespace {

std::string tuned_config(Target& target, const ConvSpec& spec) {
  return print_config(choose_config(target, spec, tuning_db()));
}

[[maybe_unused]] const bool registered = (set_choose_config(tuned_config), true);

}  // namespace
}  // namespace convoke
