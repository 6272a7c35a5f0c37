// templates/ptx/cluster.cuh for g++: declared, for templates name them; blocks have no clusters.
#pragma once

#include "tests/emulator/block.h"

namespace convoke::cuda::ptx {

int cluster_rank();
void cluster_sync();
uint4 load_cluster4(unsigned address, int rank);
unsigned load_cluster(unsigned address, int rank);

}  // namespace convoke::cuda::ptx
