/* Convoke's C ABI: the same nouns as convoke.hpp behind opaque handles, for C99, C++ and every
 * language that can call C.
 *
 *   convoke_device* device; convoke_spec* spec; convoke_plan* plan;
 *   convoke_device_open("auto", NULL, &device);
 *   convoke_spec_parse("mb8ic64ih56oc64oh56kh3ph1 dtype=f16", &spec);
 *   convoke_plan_create(device, spec, NULL, &plan);
 *   convoke_plan_launch(plan, &(convoke_launch_args){.x = {x, x_bytes}, ...});
 *
 * Every function that can fail returns a status and leaves a sentence in convoke_last_error(); no
 * C++ exception crosses this boundary. Handles are independent of each other: a plan lives on after
 * its device and spec are destroyed. Any number of threads may use one handle at once, but for
 * convoke_spec_override and the destroy functions, which want it for themselves.
 * Before 1.0 a minor version may change this interface; the library's soname says which. */
#ifndef CONVOKE_CONVOKE_H
#define CONVOKE_CONVOKE_H

#include <stddef.h>
#include <stdint.h>

#include "convoke/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The classes of failure; also the exit statuses of the `convoke` command line. */
typedef enum convoke_status {
  CONVOKE_OK = 0,
  CONVOKE_WRONG_RESULT = 1, /* a result differs from the reference */
  CONVOKE_USAGE = 2,        /* the caller's input is malformed or inconsistent */
  CONVOKE_UNSUPPORTED = 3,  /* valid, but this build or this target cannot do it */
  CONVOKE_DEVICE = 4,       /* the device, its toolchain or its memory is missing or failed */
  CONVOKE_CACHE = 5         /* a cache that was to be inspected or managed is broken */
} convoke_status;

/* "0.1.0". */
CONVOKE_API const char* convoke_version(void);

/* One sentence about the last call on this thread that failed, with the offending value, the limit
 * and what to do; "" if none has. Valid until the next call that fails on this thread. */
CONVOKE_API const char* convoke_last_error(void);

/* ---- What is computed ---------------------------------------------------------------------- */

/* A convolution: the shape, types, layouts and epilogue, and the name and count that a problem list
 * gives it. */
typedef struct convoke_spec convoke_spec;

typedef enum convoke_pass { CONVOKE_FPROP, CONVOKE_DGRAD, CONVOKE_WGRAD } convoke_pass;

/* CONVOKE_TF32 is stored as f32. */
typedef enum convoke_type {
  CONVOKE_F32,
  CONVOKE_TF32,
  CONVOKE_F16,
  CONVOKE_BF16,
  CONVOKE_S8,
  CONVOKE_U8,
  CONVOKE_E4M3,
  CONVOKE_S32
} convoke_type;

/* Order in memory, slowest first. CONVOKE_NHWC: images [N][H][W][C], weights [K][R][S][C/groups];
 * CONVOKE_NCHW: images [N][C][H][W], weights [K][C/groups][R][S]. Weights follow x's layout. */
typedef enum convoke_layout { CONVOKE_NHWC, CONVOKE_NCHW } convoke_layout;

#define CONVOKE_OPEN_BATCH (-1) /* n of a problem whose batch is given at launch */

/* The fields of a spec. Texts belong to the spec and live until it is overridden or destroyed. */
typedef struct convoke_spec_fields {
  convoke_pass pass;
  int64_t n;       /* images, or CONVOKE_OPEN_BATCH */
  int64_t c, h, w; /* input channels of all groups, height, width */
  int64_t k, r, s; /* output channels of all groups, filter height, width */
  int64_t p, q;    /* output height, width */
  int64_t groups;
  int64_t stride_h, stride_w;
  int64_t dilation_h, dilation_w; /* 1 is a dense filter */
  int64_t pad_h, pad_w;           /* top, left */
  int64_t pad_h_high, pad_w_high; /* bottom, right; negative where the last rows are never read */
  convoke_type x_type, w_type, y_type;
  convoke_layout x_layout, y_layout;
  int64_t x_image_bytes, w_bytes, y_image_bytes; /* x and y: of one image */
  double macs_image;                             /* multiply-adds of one image, padding counted */
  const char* epilogue;                          /* canonical expression, "" for none */
  const char* sparsity;                          /* canonical word, "" for none */
  int has_pattern;                               /* 1: convoke_spec_set_pattern gave it one */
  const char* text; /* canonical text of the spec, without name and count */
  const char* name; /* "" for none */
  int64_t count;    /* how often the network runs it */
} convoke_spec_fields;

/* Parses any text form of a problem: a benchdnn descriptor with key=value words behind it, or a
 * MIOpenDriver line. *spec is the caller's to destroy; NULL after a failure.
 * CONVOKE_USAGE names the offending word. */
CONVOKE_API convoke_status convoke_spec_parse(const char* text, convoke_spec** spec);

/* Reads a problem list, one problem a line, # for comments. *count becomes how many there are; the
 * first `capacity` of them go to specs[0..], each the caller's to destroy. capacity 0 (specs may
 * then be NULL) asks for the count alone. After a failure nothing has been written.
 * CONVOKE_USAGE names file and line. */
CONVOKE_API convoke_status convoke_spec_read_list(const char* path, convoke_spec** specs,
                                                  size_t capacity, size_t* count);

/* Replaces what key=value words (separated by blanks) name: "dtype=f16 batch=128 layout=nhwc".
 * A pattern stays as long as the sparsity does. After a failure (CONVOKE_USAGE) the spec is as it
 * was. */
CONVOKE_API convoke_status convoke_spec_override(convoke_spec* spec, const char* words);

CONVOKE_API convoke_status convoke_spec_get(const convoke_spec* spec, convoke_spec_fields* fields);

/* NULL is fine. */
CONVOKE_API void convoke_spec_destroy(convoke_spec* spec);

/* ---- Which weights are kept ---------------------------------------------------------------- */

/* The kept units (filters, input channels, blocks, single weights) of one shape and one kind of
 * sparsity: that of the spec it is made for, whose word names kind, ratio and granularity
 * ("sparsity=channel:0.5"). Immutable; independent of the spec afterwards. A pruned weight
 * contributes nothing, whatever it holds. Of each function below *pattern is the caller's to
 * destroy; NULL after a failure. */
typedef struct convoke_pattern convoke_pattern;

/* Keeps the units whose weights have the largest sum of magnitudes, as many as the spec's ratio
 * says. w: all weights in the spec's layout. CONVOKE_USAGE: no sparsity in the spec, a wrong count,
 * a weight that is NaN. */
CONVOKE_API convoke_status convoke_pattern_by_magnitude(const convoke_spec* spec, const float* w,
                                                        size_t count, convoke_pattern** pattern);

/* As many units, drawn at random: for measurements. */
CONVOKE_API convoke_status convoke_pattern_random(const convoke_spec* spec, uint64_t seed,
                                                  convoke_pattern** pattern);

/* One byte a weight in the spec's layout, 0 is pruned. CONVOKE_USAGE: a wrong count, a unit of
 * which only a part is kept, more than N of M. */
CONVOKE_API convoke_status convoke_pattern_from_mask(const convoke_spec* spec, const uint8_t* mask,
                                                     size_t count, convoke_pattern** pattern);

/* The units in kept[0..count), strictly ascending, numbered as SparsityPattern in
 * sparsity_pattern.h says; count 0 (kept may then be NULL) keeps none. CONVOKE_USAGE: out of range,
 * unsorted, repeated, more than N of M. */
CONVOKE_API convoke_status convoke_pattern_from_units(const convoke_spec* spec, const int64_t* kept,
                                                      size_t count, convoke_pattern** pattern);

/* A file as convoke_pattern_save writes it, and the text in it. CONVOKE_USAGE: anything else. */
CONVOKE_API convoke_status convoke_pattern_load(const char* path, convoke_pattern** pattern);
CONVOKE_API convoke_status convoke_pattern_parse(const char* text, convoke_pattern** pattern);
CONVOKE_API convoke_status convoke_pattern_save(const convoke_pattern* pattern, const char* path);

/* Texts and arrays belong to the pattern. */
typedef struct convoke_pattern_info {
  const char* text;      /* of the file */
  const char* signature; /* the sparsity word with the ratio that is kept */
  const char* hash;      /* SHA-256 of shape, kind and kept units, in hex */
  const int64_t* kept;   /* units, ascending */
  size_t kept_count;
  int64_t units;        /* kept and pruned */
  int64_t kept_weights; /* single ones */
} convoke_pattern_info;

CONVOKE_API convoke_status convoke_pattern_get(const convoke_pattern* pattern,
                                               convoke_pattern_info* info);

/* NULL is fine. Specs and plans that have it keep what they need. */
CONVOKE_API void convoke_pattern_destroy(convoke_pattern* pattern);

/* Gives the spec its pattern, which a plan then has as constants; a bound spec has none, a sparse
 * one that is not bound needs one. The spec's ratio becomes the pattern's. NULL takes it away.
 * CONVOKE_USAGE: a pattern for another shape, kind or granularity, or a bound spec. */
CONVOKE_API convoke_status convoke_spec_set_pattern(convoke_spec* spec,
                                                    const convoke_pattern* pattern);

/* ---- Where it runs ------------------------------------------------------------------------- */

typedef struct convoke_device convoke_device;

/* What a parallel loop of a CPU plan calls: work on the tasks [begin, end) as worker `worker`. */
typedef void (*convoke_loop_body)(void* context, int64_t begin, int64_t end, int worker);

/* A host's own thread pool. parallel_for calls body(context, ...) on disjoint ranges that cover
 * [0, tasks), worker in [0, workers), no two calls with the same worker at once, and returns when
 * all are done; it must not throw. The struct is copied; what `self` points to must outlive the
 * device and its plans. */
typedef struct convoke_executor {
  int workers; /* at least 1 */
  void (*parallel_for)(void* self, int64_t tasks, convoke_loop_body body, void* context);
  void* self;
} convoke_executor;

/* Zero means the default of each. */
typedef struct convoke_device_options {
  int threads;                      /* of the CPU's own pool; 0: CONVOKE_NUM_THREADS, else all */
  const convoke_executor* executor; /* used instead of the pool */
} convoke_device_options;

/* target: "cpu"; "cuda" or "cuda:N" (GPU N); "auto": the first GPU if one works, else the CPU.
 * options may be NULL. *device is the caller's to destroy; NULL after a failure.
 * CONVOKE_USAGE: an unknown name. CONVOKE_DEVICE: no driver, no such GPU. */
CONVOKE_API convoke_status convoke_device_open(const char* target,
                                               const convoke_device_options* options,
                                               convoke_device** device);

/* "cpu", "cuda:0", and a line about processor and compiler; they belong to the device. NULL for
 * NULL. */
CONVOKE_API const char* convoke_device_name(const convoke_device* device);
CONVOKE_API const char* convoke_device_description(const convoke_device* device);

/* Lower bound of the time of one launch of spec->n images (one if the batch is open), from the
 * arithmetic peak and the compulsory bytes, in microseconds. */
CONVOKE_API convoke_status convoke_device_limit_us(convoke_device* device, const convoke_spec* spec,
                                                   double* microseconds);

/* NULL is fine. Plans made on the device stay good. */
CONVOKE_API void convoke_device_destroy(convoke_device* device);

/* ---- How it is computed -------------------------------------------------------------------- */

/* A convolution that is ready to be launched: compiled, loaded, immutable. */
typedef struct convoke_plan convoke_plan;

typedef enum convoke_weights {
  CONVOKE_WEIGHTS_PLAIN, /* launch takes weights in the spec's layout */
  CONVOKE_WEIGHTS_PACKED /* launch takes what convoke_plan_prepack wrote once */
} convoke_weights;

typedef struct convoke_plan_options {
  const char* config;      /* fixes one configuration; NULL or "": the tuned one, else a default */
  int64_t workspace_limit; /* bytes, for n images or one if the batch is open; -1: none */
  convoke_weights weights;
} convoke_plan_options;

/* What NULL options mean. */
#define CONVOKE_PLAN_OPTIONS_INIT \
  { NULL, -1, CONVOKE_WEIGHTS_PLAIN }

/* Chooses or takes a configuration, emits, compiles or finds it in the cache, loads it. options may
 * be NULL. *plan is the caller's to destroy; NULL after a failure.
 * CONVOKE_USAGE: a bad spec or configuration, or sparsity that is neither bound nor has a pattern.
 * CONVOKE_UNSUPPORTED: the target cannot run it.
 * CONVOKE_DEVICE: a library, the driver or memory failed. */
CONVOKE_API convoke_status convoke_plan_create(const convoke_device* device,
                                               const convoke_spec* spec,
                                               const convoke_plan_options* options,
                                               convoke_plan** plan);

/* One named step of a launch and the bytes that it writes to the workspace. */
typedef struct convoke_plan_step {
  const char* name;
  int64_t workspace_bytes;
} convoke_plan_step;

/* Texts and arrays belong to the plan. */
typedef struct convoke_plan_info {
  const char* config;          /* text form of the configuration in use */
  int64_t workspace_bytes;     /* that a launch of `batch` images needs */
  int64_t packed_weight_bytes; /* that convoke_plan_prepack writes; 0: weights are read plain */
  int64_t pattern_bytes;       /* that convoke_plan_pack_pattern writes; 0: it is no operand */
  size_t alignment;            /* in bytes, of x, w, y and tensor operands */
  const convoke_plan_step* steps;
  size_t step_count;
  const char* const* operand_names; /* of the epilogue, in the order that a launch takes */
  size_t operand_count;
  int from_cache; /* 1: nothing had to be compiled */
} convoke_plan_info;

/* `batch`: images of the launch that is meant, 0 or n if the spec says n. CONVOKE_USAGE: another
 * batch, or none where it is open. */
CONVOKE_API convoke_status convoke_plan_get(const convoke_plan* plan, int64_t batch,
                                            convoke_plan_info* info);

/* A caller-owned buffer and its size in bytes. */
typedef struct convoke_buffer {
  void* data;
  size_t bytes;
} convoke_buffer;
typedef struct convoke_const_buffer {
  const void* data;
  size_t bytes;
} convoke_const_buffer;

/* Writes the tables of a bound plan's pattern to `tables`: host memory of pattern_bytes, aligned to
 * 16. For a GPU the caller copies them there. CONVOKE_USAGE: the plan is not bound, the pattern is
 * for another shape, kind or granularity, or keeps another number of units. */
CONVOKE_API convoke_status convoke_plan_pack_pattern(const convoke_plan* plan,
                                                     const convoke_pattern* pattern,
                                                     convoke_buffer tables);

/* Packs plain weights w into `packed`: packed_weight_bytes, aligned to 64. `pattern`: the tables of
 * a bound plan, as a launch takes them, else zeros. stream as in a launch. CONVOKE_USAGE: a buffer
 * that is null, misaligned or too small, or a plan without packing. */
CONVOKE_API convoke_status convoke_plan_prepack(const convoke_plan* plan, convoke_const_buffer w,
                                                convoke_const_buffer pattern, convoke_buffer packed,
                                                void* stream);

/* Operands of a launch; what is zero is not given. Tensors are dense, in the spec's layouts; x, w,
 * y and tensor operands aligned to convoke_plan_info.alignment, packed weights, a pattern's tables
 * and the workspace to 64. y and the workspace may not overlap anything else. A GPU's plan takes
 * memory of that GPU, a CPU's plan host memory. */
typedef struct convoke_launch_args {
  convoke_const_buffer x, w;
  convoke_buffer y;
  const convoke_const_buffer* operands; /* f32[k] or a tensor like y each, of the type it names */
  size_t operand_count;
  convoke_const_buffer pattern; /* of a bound plan: what convoke_plan_pack_pattern wrote */
  convoke_buffer workspace;     /* at least convoke_plan_info.workspace_bytes */
  int64_t batch;                /* images, if the spec's batch is open; else 0 or n */
  void* stream;   /* CUDA: the CUstream (cudaStream_t) to enqueue on; NULL: the default */
  int32_t x_zero; /* zero point of x, a value of its type, if the spec's quant is zp; else 0 */
} convoke_launch_args;

/* Runs all steps: y is complete on return (CPU), or the work is enqueued on the stream (CUDA),
 * which may be capturing. Allocates nothing. CONVOKE_USAGE, before anything is written: a buffer
 * that is null, too small, misaligned or of the wrong kind, a wrong batch. CONVOKE_DEVICE: the GPU
 * refused.
 */
CONVOKE_API convoke_status convoke_plan_launch(const convoke_plan* plan,
                                               const convoke_launch_args* args);

/* NULL is fine. On a GPU wait for its launches first. */
CONVOKE_API void convoke_plan_destroy(convoke_plan* plan);

/* ---- Quantisation, element by element ------------------------------------------------------ */

/* elementwise.h has the formulas. In all of it a launch allocates nothing; it is complete on return
 * (CPU) or enqueued on `stream` (CUDA), as that of a plan. CONVOKE_USAGE, before anything is
 * written: a buffer that is null, misaligned, too small or overlaps another, a wrong count.
 * CONVOKE_DEVICE: the GPU refused. Buffers are aligned to their elements; steps and scales are f32,
 * one for each channel, in memory of the device, and are not checked: one that is no normal number
 * above 0 makes all integers 0 and all reals NaN. */

/* Which elements of a dense tensor share a scale: element i, in the order of memory, has that of
 * channel i / inner % count. {1, 1}: all of them; weights, one for each filter: {K, C/g * R * S};
 * images, one for each channel: {C, 1} (nhwc) or {C, H * W} (nchw). */
typedef struct convoke_scale_channels {
  int64_t count, inner;
} convoke_scale_channels;

/* Reals to 8-bit integers and back. */
typedef struct convoke_quantizer convoke_quantizer;

typedef struct convoke_quantizer_spec {
  convoke_type real;    /* f32, f16 or bf16 */
  convoke_type integer; /* s8 or u8 */
  int bits;             /* in use, 2 to 8 */
  convoke_scale_channels channels;
} convoke_quantizer_spec;

/* What a NULL spec means. */
#define CONVOKE_QUANTIZER_SPEC_INIT      \
  {                                      \
    CONVOKE_F32, CONVOKE_S8, 8, { 1, 1 } \
  }

/* *quantizer is the caller's to destroy; NULL after a failure.
 * CONVOKE_USAGE: types, bits or channels out of range. CONVOKE_UNSUPPORTED: the target has none.
 * CONVOKE_DEVICE: a library, the driver or memory failed. */
CONVOKE_API convoke_status convoke_quantizer_create(const convoke_device* device,
                                                    const convoke_quantizer_spec* spec,
                                                    convoke_quantizer** quantizer);

typedef struct convoke_quantizer_args {
  convoke_const_buffer x;      /* reals (quantize) or integers (dequantize) */
  convoke_buffer y;            /* the others */
  int64_t count;               /* elements; a multiple of channels.count * channels.inner */
  convoke_const_buffer scales; /* one for each channel; or none, and `scale` is that of all */
  float scale;                 /* a normal number above 0, else CONVOKE_USAGE */
  int32_t zero;                /* zero point, one of the integers in use */
  void* stream;                /* as convoke_launch_args.stream */
} convoke_quantizer_args;

/* y = round(min(max(x / scale + zero, lowest), highest)), ties to even, of a NaN 0. */
CONVOKE_API convoke_status convoke_quantizer_quantize(const convoke_quantizer* quantizer,
                                                      const convoke_quantizer_args* args);
/* y = scale * (x - zero). */
CONVOKE_API convoke_status convoke_quantizer_dequantize(const convoke_quantizer* quantizer,
                                                        const convoke_quantizer_args* args);

/* NULL is fine. On a GPU wait for its launches first. */
CONVOKE_API void convoke_quantizer_destroy(convoke_quantizer* quantizer);

/* LSQ: fake quantisation with a trained step, and its gradients. docs/lsq.md has an example. */
typedef struct convoke_lsq convoke_lsq;

typedef struct convoke_lsq_spec {
  convoke_type v; /* of what is quantised, and of its gradient: f32, f16 or bf16 */
  convoke_type y; /* of what comes out, and of its gradient: f32, f16 or bf16 */
  int bits;       /* 2 to 8 */
  int is_signed;  /* 1: Qn, Qp = 2^(bits-1), 2^(bits-1) - 1; 0: 0, 2^bits - 1 */
  convoke_scale_channels channels;
} convoke_lsq_spec;

/* What a NULL spec means. */
#define CONVOKE_LSQ_SPEC_INIT                \
  {                                          \
    CONVOKE_F32, CONVOKE_F32, 8, 1, { 1, 1 } \
  }

/* As convoke_quantizer_create. */
CONVOKE_API convoke_status convoke_lsq_create(const convoke_device* device,
                                              const convoke_lsq_spec* spec, convoke_lsq** lsq);

/* Of convoke_lsq_backward and convoke_lsq_initial_step. CONVOKE_USAGE: a wrong count. */
CONVOKE_API convoke_status convoke_lsq_workspace_bytes(const convoke_lsq* lsq, int64_t count,
                                                       int64_t* bytes);

typedef struct convoke_lsq_forward_args {
  convoke_const_buffer v, step;
  convoke_buffer y;
  int64_t count; /* elements; a multiple of channels.count * channels.inner */
  void* stream;
} convoke_lsq_forward_args;

typedef struct convoke_lsq_backward_args {
  convoke_const_buffer v, step, grad_y;
  convoke_buffer grad_v;
  convoke_buffer grad_step; /* f32, one for each channel; overwritten */
  convoke_buffer workspace; /* aligned to 4 */
  int64_t count;
  int64_t shared_by; /* N of the gradient's scale 1 / sqrt(N * Qp); 0: elements of a channel */
  void* stream;
} convoke_lsq_backward_args;

typedef struct convoke_lsq_initial_step_args {
  convoke_const_buffer v;
  convoke_buffer step; /* f32, one for each channel; overwritten */
  convoke_buffer workspace;
  int64_t count;
  void* stream;
} convoke_lsq_initial_step_args;

CONVOKE_API convoke_status convoke_lsq_forward(const convoke_lsq* lsq,
                                               const convoke_lsq_forward_args* args);
CONVOKE_API convoke_status convoke_lsq_backward(const convoke_lsq* lsq,
                                                const convoke_lsq_backward_args* args);
/* step = 2 * mean |v| / sqrt(Qp) of each channel. CONVOKE_USAGE: no elements. */
CONVOKE_API convoke_status convoke_lsq_initial_step(const convoke_lsq* lsq,
                                                    const convoke_lsq_initial_step_args* args);

/* NULL is fine. On a GPU wait for its launches first. */
CONVOKE_API void convoke_lsq_destroy(convoke_lsq* lsq);

#ifdef __cplusplus
}
#endif

#endif
