/* convoke.h as C99 reads it: what a C host writes, from text to result. c_api_test.cc runs it. */
#include <convoke/convoke.h>
#include <stdio.h>
#include <string.h>

int c_api_c_test(void);

/* Fake quantisation in 4 bits, and the integers behind it. */
static int wrong_lsq(const convoke_device* device) {
  const float v[4] = {-1, 0.25f, 0.75f, 9}, step[2] = {0.5f, 0.5f};
  const float want[4] = {-1, 0, 1, 3.5f};
  float y[4];
  int8_t q[4];
  convoke_lsq* lsq = NULL;
  convoke_quantizer* quantizer = NULL;
  convoke_lsq_spec lsq_spec = CONVOKE_LSQ_SPEC_INIT;
  convoke_quantizer_spec quantizer_spec = CONVOKE_QUANTIZER_SPEC_INIT;
  const convoke_lsq_forward_args forward = {
      .v = {v, sizeof v}, .step = {step, sizeof step}, .y = {y, sizeof y}, .count = 4};
  const convoke_quantizer_args integers = {
      .x = {v, sizeof v}, .y = {q, sizeof q}, .count = 4, .scales = {step, sizeof step}};
  int wrong, i;
  lsq_spec.bits = quantizer_spec.bits = 4;
  lsq_spec.channels.count = quantizer_spec.channels.count = 2;
  wrong = convoke_lsq_create(device, &lsq_spec, &lsq) != CONVOKE_OK ||
          convoke_quantizer_create(device, &quantizer_spec, &quantizer) != CONVOKE_OK ||
          convoke_lsq_forward(lsq, &forward) != CONVOKE_OK ||
          convoke_quantizer_quantize(quantizer, &integers) != CONVOKE_OK;
  if (wrong) fprintf(stderr, "%s\n", convoke_last_error());
  for (i = 0; i < 4 && !wrong; ++i) wrong = y[i] != want[i] || (float)q[i] * step[0] != y[i];
  convoke_quantizer_destroy(quantizer);
  convoke_lsq_destroy(lsq);
  return wrong;
}

int c_api_c_test(void) {
  convoke_device* device = NULL;
  convoke_spec* spec = NULL;
  convoke_plan* plan = NULL;
  const convoke_plan_options options = CONVOKE_PLAN_OPTIONS_INIT;
  float x[2 * 16], w[8 * 2], y[8 * 16];
  convoke_plan_info info;
  int wrong = 0, i;
  for (i = 0; i < 2 * 16; ++i) x[i] = 1;
  for (i = 0; i < 8 * 2; ++i) w[i] = 1;
  for (i = 0; i < 8 * 16; ++i) y[i] = -1;

  if (convoke_device_open("cpu", NULL, &device) != CONVOKE_OK ||
      convoke_spec_parse("mb1ic2ih4oc8oh4kh1", &spec) != CONVOKE_OK ||
      convoke_plan_create(device, spec, &options, &plan) != CONVOKE_OK ||
      convoke_plan_get(plan, 0, &info) != CONVOKE_OK) {
    fprintf(stderr, "%s\n", convoke_last_error());
    wrong = 1;
  } else {
    char room[8192 + 64];
    char* workspace = room + 64 - (uintptr_t)room % 64;
    const convoke_launch_args args = {
        .x = {x, sizeof x}, .w = {w, sizeof w}, .y = {y, sizeof y}, .workspace = {workspace, 8192}};
    wrong = info.workspace_bytes > 8192 || convoke_plan_launch(plan, &args) != CONVOKE_OK;
    for (i = 0; i < 8 * 16; ++i) wrong |= y[i] != 2;
  }
  wrong |= wrong_lsq(device);
  convoke_plan_destroy(plan);
  convoke_spec_destroy(spec);
  convoke_device_destroy(device);
  wrong |= convoke_spec_parse("mb1ic0oc4ih8kh3", &spec) != CONVOKE_USAGE;
  wrong |= strstr(convoke_last_error(), "ic") == NULL;
  return wrong;
}
