// Ctrl-C: the first asks the command to stop at its next safe point, keep what it has and print its
// table; the second kills the process, because the handler takes itself away.
#pragma once

#include <atomic>

namespace convoke::cli {

/// Exit status of an interrupted run: 128 + SIGINT.
inline constexpr int kExitInterrupted = 130;

/// Installs the handler for SIGINT and SIGTERM.
void install_interrupt_handler();
/// Set once the first signal came.
const std::atomic<bool>& interrupted();

}  // namespace convoke::cli
