// The lists in examples/problems: canonical text, no convolution twice, and the sums that are known
// of each network from elsewhere.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "compiler/spec_text.h"

namespace convoke {
namespace {

const std::filesystem::path kFolder =
    std::filesystem::path(CONVOKE_SOURCE_DIR) / "examples" / "problems";

struct Network {
  const char* file;
  std::int64_t macs;              ///< of one image, padding counted
  std::int64_t weights;           ///< of the convolutions, without biases
  std::int64_t layers;            ///< convolutions that one image runs through
  std::int64_t other_macs;        ///< of the layers that are no convolutions ...
  std::int64_t total_macs;        ///< ... and with them the published total, 0 if none is
  std::int64_t other_parameters;  ///< biases, normalisation and the layers that are no convolutions
  std::int64_t total_parameters;  ///< the published total, 0 if none is
};

// Published totals: torchvision's model documentation gives the parameters to the unit and GFLOPS
// (multiply-adds) 1.81, 4.09, 15.47, 0.30. The LeNet with 5x5 filters is PyTorch's CIFAR-10
// tutorial's (62,006 parameters), the U-Net has 31,030,658 with two classes, Stable Diffusion's
// U-Net 859,520,964. ResNet-18 on 32x32 images does 1/49 of the work on 224x224.
constexpr Network kNetworks[] = {
    {"lenet_k3", 371'856, 81'066, 5, 0, 0, 236, 0},
    {"lenet_k5", 651'720, 61'770, 5, 0, 651'720, 236, 62'006},
    {"lenet_k7", 854'928, 33'786, 5, 0, 0, 236, 0},
    {"resnet18_cifar", 1'813'561'344 / 49, 11'166'912, 20, 0, 0, 522'600, 11'689'512},
    {"resnet18", 1'813'561'344, 11'166'912, 20, 512'000, 1'814'073'344, 522'600, 11'689'512},
    {"resnet50", 4'087'136'256, 23'454'912, 53, 2'048'000, 4'089'184'256, 2'102'120, 25'557'032},
    {"vgg16", 15'346'630'656, 14'710'464, 13, 123'633'664, 15'470'264'320, 123'647'080,
     138'357'544},
    {"mobilenet_v2", 299'494'272, 2'189'760, 52, 1'280'000, 300'774'272, 1'315'112, 3'504'872},
    {"unet", 150'428'424'448, 31'023'808, 23, 0, 0, 6'850, 31'030'658},
    {"stable_diffusion_unet", 221'973'053'440, 589'027'840, 98, 0, 0, 270'493'124, 859'520'964},
};

class Problems : public testing::TestWithParam<Network> {
 protected:
  std::string path() const { return (kFolder / GetParam().file).string() + ".txt"; }
};

TEST_P(Problems, SumsAreThoseOfTheNetwork) {
  const Network& network = GetParam();
  double macs = 0;
  std::int64_t weights = 0, layers = 0;
  for (const Problem& problem : read_problem_list(path())) {
    EXPECT_EQ(problem.spec.n, 1) << "line " << problem.line;
    macs += problem.spec.nominal_macs(1) * static_cast<double>(problem.count);
    weights += problem.spec.w_elements() * problem.count;
    layers += problem.count;
  }
  EXPECT_EQ(macs, static_cast<double>(network.macs));
  EXPECT_EQ(weights, network.weights);
  EXPECT_EQ(layers, network.layers);
  if (network.total_macs != 0) {
    EXPECT_EQ(static_cast<std::int64_t>(macs) + network.other_macs, network.total_macs);
  }
  if (network.total_parameters != 0) {
    EXPECT_EQ(weights + network.other_parameters, network.total_parameters);
  }
}

TEST_P(Problems, LinesAreCanonicalAndDistinct) {
  std::vector<std::string> lines;
  std::ifstream file(path());
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines[0].substr(0, 2), "# ");
  std::set<std::string> specs, names;
  for (const Problem& problem : read_problem_list(path())) {
    EXPECT_EQ(print_problem(problem), lines.at(problem.line - 1));
    EXPECT_FALSE(problem.name.empty()) << "line " << problem.line;
    EXPECT_TRUE(names.insert(problem.name).second) << problem.name;
    EXPECT_TRUE(specs.insert(print_spec(problem.spec)).second) << print_spec(problem.spec);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Problems, testing::ValuesIn(kNetworks),
                         [](const auto& info) { return std::string(info.param.file); });

TEST(ProblemFolder, HoldsExactlyTheListsTested) {
  std::set<std::string> files, tested;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    files.insert(entry.path().filename().string());
  }
  for (const Network& network : kNetworks) tested.insert(std::string(network.file) + ".txt");
  EXPECT_EQ(files, tested);
}

}  // namespace
}  // namespace convoke
