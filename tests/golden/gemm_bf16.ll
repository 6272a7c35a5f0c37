; ModuleID = 'mb?ic2ih2oc16kh1 dtype=bf16 cpu:gemm,axis=q,mr=1,nv=1,unroll=1'
source_filename = "mb?ic2ih2oc16kh1 dtype=bf16 cpu:gemm,axis=q,mr=1,nv=1,unroll=1"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

; Function Attrs: nounwind
define void @convoke_kernel(ptr %0, i64 %1, i64 %2, ptr %3) #0 {
entry:
  %4 = alloca <16 x float>, align 64
  %5 = load ptr, ptr %0, align 8
  %6 = getelementptr i8, ptr %0, i64 8
  %7 = load ptr, ptr %6, align 8
  %8 = getelementptr i8, ptr %0, i64 16
  %9 = load ptr, ptr %8, align 8
  %10 = getelementptr i8, ptr %0, i64 24
  %11 = load i64, ptr %10, align 4
  %12 = icmp slt i64 %1, %2
  br i1 %12, label %loop, label %done

loop:                                             ; preds = %done2, %entry
  %13 = phi i64 [ %1, %entry ], [ %39, %done2 ]
  %14 = urem i64 %13, %11
  %15 = udiv i64 %13, %11
  %16 = call i64 @llvm.smin.i64(i64 2, i64 2)
  %17 = add nsw i64 %14, 1
  %18 = call i64 @llvm.smin.i64(i64 %17, i64 %11)
  %19 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %20 = mul nsw i64 %15, 4
  %21 = getelementptr i8, ptr %5, i64 %20
  %22 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %23 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %24 = icmp slt i64 %22, %23
  br i1 %24, label %loop1, label %done2

done:                                             ; preds = %done2, %entry
  ret void

loop1:                                            ; preds = %done4, %loop
  %25 = phi i64 [ %22, %loop ], [ %73, %done4 ]
  %26 = sub nsw i64 %25, 0
  %27 = mul nsw i64 %26, 32
  %28 = mul nsw i64 %15, 32
  %29 = add nsw i64 %28, %27
  %30 = mul nsw i64 %26, 16
  %31 = mul nsw i64 %15, 16
  %32 = add nsw i64 %31, %30
  %33 = mul nsw i64 %29, 2
  %34 = getelementptr i8, ptr %7, i64 %33
  %35 = getelementptr i8, ptr %21, i64 0
  %36 = getelementptr i8, ptr %34, i64 0
  %37 = mul nsw i64 %14, 16
  %38 = getelementptr i8, ptr %35, i64 %37
  br label %loop3

done2:                                            ; preds = %done4, %loop
  %39 = add nsw i64 %13, 1
  %40 = icmp slt i64 %39, %2
  br i1 %40, label %loop, label %done

loop3:                                            ; preds = %loop3, %loop1
  %41 = phi i64 [ 0, %loop1 ], [ %71, %loop3 ]
  %42 = add nsw i64 0, %41
  store <16 x float> zeroinitializer, ptr %4, align 64
  %43 = mul nsw i64 %42, 4
  %44 = getelementptr i8, ptr %38, i64 %43
  %45 = getelementptr i8, ptr %36, i64 0
  fence syncscope("singlethread") seq_cst
  %46 = load <32 x bfloat>, ptr %45, align 16
  %47 = load i32, ptr %44, align 2
  %.splatinsert = insertelement <16 x i32> poison, i32 %47, i64 0
  %.splat = shufflevector <16 x i32> %.splatinsert, <16 x i32> poison, <16 x i32> zeroinitializer
  %48 = bitcast <16 x i32> %.splat to <32 x bfloat>
  %49 = load <16 x float>, ptr %4, align 64
  %50 = call <16 x float> @llvm.x86.avx512bf16.dpbf16ps.512(<16 x float> %49, <32 x bfloat> %48, <32 x bfloat> %46)
  store <16 x float> %50, ptr %4, align 64
  %51 = mul nsw i64 %14, 2
  %52 = add nsw i64 %51, 0
  %53 = mul nsw i64 %52, 2
  %54 = add nsw i64 %53, %42
  %55 = mul nsw i64 %54, 16
  %56 = add nsw i64 %55, %32
  %57 = load <16 x float>, ptr %4, align 64
  %58 = mul nsw i64 %56, 2
  %59 = getelementptr i8, ptr %9, i64 %58
  %60 = bitcast <16 x float> %57 to <16 x i32>
  %61 = lshr <16 x i32> %60, <i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16>
  %62 = and <16 x i32> %61, <i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1>
  %63 = add <16 x i32> %60, <i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767>
  %64 = add <16 x i32> %63, %62
  %65 = lshr <16 x i32> %64, <i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16>
  %66 = lshr <16 x i32> %60, <i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16>
  %67 = or <16 x i32> %66, <i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64>
  %68 = fcmp uno <16 x float> %57, %57
  %69 = select <16 x i1> %68, <16 x i32> %67, <16 x i32> %65
  %70 = trunc <16 x i32> %69 to <16 x i16>
  store <16 x i16> %70, ptr %59, align 2
  %71 = add nsw i64 %41, 1
  %72 = icmp slt i64 %71, 4
  br i1 %72, label %loop3, label %done4

done4:                                            ; preds = %loop3
  %73 = add nsw i64 %25, 1
  %74 = icmp slt i64 %73, %23
  br i1 %74, label %loop1, label %done2
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smax.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind willreturn memory(none)
declare <16 x float> @llvm.x86.avx512bf16.dpbf16ps.512(<16 x float>, <32 x bfloat>, <32 x bfloat>) #2

attributes #0 = { nounwind "prefer-vector-width"="512" "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c,+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512bf16,+avx512vnni" "tune-cpu"="cooperlake" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
attributes #2 = { nocallback nofree nosync nounwind willreturn memory(none) }
