; ModuleID = 'mb?ic2ih2oc8kh1 sparsity=channel:0.5:bound cpu:gemm,axis=q,mr=2,nv=1,unroll=1'
source_filename = "mb?ic2ih2oc8kh1 sparsity=channel:0.5:bound cpu:gemm,axis=q,mr=2,nv=1,unroll=1"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

; Function Attrs: nounwind
define void @convoke_kernel(ptr %0, i64 %1, i64 %2, ptr %3) #0 {
entry:
  %4 = alloca <8 x float>, align 32
  %5 = alloca <8 x float>, align 32
  %6 = load ptr, ptr %0, align 8
  %7 = getelementptr i8, ptr %0, i64 8
  %8 = load ptr, ptr %7, align 8
  %9 = getelementptr i8, ptr %0, i64 16
  %10 = load ptr, ptr %9, align 8
  %11 = getelementptr i8, ptr %0, i64 24
  %12 = load i64, ptr %11, align 4
  %13 = getelementptr i8, ptr %0, i64 96
  %14 = load ptr, ptr %13, align 8
  %15 = icmp slt i64 %1, %2
  br i1 %15, label %loop, label %done

loop:                                             ; preds = %done12, %entry
  %16 = phi i64 [ %1, %entry ], [ %95, %done12 ]
  %17 = urem i64 %16, %12
  %18 = udiv i64 %16, %12
  %19 = call i64 @llvm.smin.i64(i64 2, i64 2)
  %20 = add nsw i64 %17, 1
  %21 = call i64 @llvm.smin.i64(i64 %20, i64 %12)
  %22 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %23 = mul nsw i64 %18, 8
  %24 = getelementptr i8, ptr %6, i64 %23
  %25 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %26 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %27 = icmp slt i64 %25, %26
  br i1 %27, label %loop1, label %done2

done:                                             ; preds = %done12, %entry
  ret void

loop1:                                            ; preds = %done4, %loop
  %28 = phi i64 [ %25, %loop ], [ %92, %done4 ]
  %29 = sub nsw i64 %28, 0
  %30 = mul nsw i64 %29, 16
  %31 = mul nsw i64 %18, 16
  %32 = add nsw i64 %31, %30
  %33 = mul nsw i64 %29, 8
  %34 = mul nsw i64 %18, 8
  %35 = add nsw i64 %34, %33
  %36 = mul nsw i64 %32, 4
  %37 = getelementptr i8, ptr %8, i64 %36
  %38 = call i64 @llvm.smin.i64(i64 0, i64 1)
  %39 = mul nsw i64 %38, 8
  %40 = call i64 @llvm.smin.i64(i64 %28, i64 1)
  %41 = mul nsw i64 %40, 8
  %42 = sub nsw i64 %41, %39
  %43 = mul nsw i64 %17, 4
  %44 = add nsw i64 %43, 0
  %45 = mul nsw i64 %44, 8
  %46 = sub nsw i64 %42, %45
  %47 = mul nsw i64 %46, 4
  %48 = getelementptr i8, ptr %3, i64 %47
  %49 = getelementptr i8, ptr %24, i64 0
  %50 = getelementptr i8, ptr %37, i64 0
  %51 = mul nsw i64 %17, 32
  %52 = getelementptr i8, ptr %49, i64 %51
  br label %loop3

done2:                                            ; preds = %done4, %loop
  %53 = mul nsw i64 %18, 36
  %54 = getelementptr i8, ptr %14, i64 %53
  %55 = mul nsw i64 %18, 2
  %56 = mul nsw i64 %18, 8
  %57 = icmp slt i64 %17, %21
  br i1 %57, label %loop11, label %done12

loop3:                                            ; preds = %loop3, %loop1
  %58 = phi i64 [ 0, %loop1 ], [ %90, %loop3 ]
  %59 = mul nsw i64 %58, 2
  %60 = add nsw i64 0, %59
  store <8 x float> zeroinitializer, ptr %5, align 32
  store <8 x float> zeroinitializer, ptr %4, align 32
  %61 = mul nsw i64 %60, 8
  %62 = getelementptr i8, ptr %52, i64 %61
  %63 = getelementptr i8, ptr %50, i64 0
  fence syncscope("singlethread") seq_cst
  %64 = load <8 x float>, ptr %63, align 16
  %65 = load float, ptr %62, align 4
  %.splatinsert = insertelement <8 x float> poison, float %65, i64 0
  %.splat = shufflevector <8 x float> %.splatinsert, <8 x float> poison, <8 x i32> zeroinitializer
  %66 = load <8 x float>, ptr %5, align 32
  %67 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat, <8 x float> %64, <8 x float> %66)
  store <8 x float> %67, ptr %5, align 32
  %68 = getelementptr i8, ptr %62, i64 8
  %69 = load float, ptr %68, align 4
  %.splatinsert5 = insertelement <8 x float> poison, float %69, i64 0
  %.splat6 = shufflevector <8 x float> %.splatinsert5, <8 x float> poison, <8 x i32> zeroinitializer
  %70 = load <8 x float>, ptr %4, align 32
  %71 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat6, <8 x float> %64, <8 x float> %70)
  store <8 x float> %71, ptr %4, align 32
  %72 = getelementptr i8, ptr %63, i64 32
  %73 = load <8 x float>, ptr %72, align 16
  %74 = getelementptr i8, ptr %62, i64 4
  %75 = load float, ptr %74, align 4
  %.splatinsert7 = insertelement <8 x float> poison, float %75, i64 0
  %.splat8 = shufflevector <8 x float> %.splatinsert7, <8 x float> poison, <8 x i32> zeroinitializer
  %76 = load <8 x float>, ptr %5, align 32
  %77 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat8, <8 x float> %73, <8 x float> %76)
  store <8 x float> %77, ptr %5, align 32
  %78 = getelementptr i8, ptr %62, i64 12
  %79 = load float, ptr %78, align 4
  %.splatinsert9 = insertelement <8 x float> poison, float %79, i64 0
  %.splat10 = shufflevector <8 x float> %.splatinsert9, <8 x float> poison, <8 x i32> zeroinitializer
  %80 = load <8 x float>, ptr %4, align 32
  %81 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat10, <8 x float> %73, <8 x float> %80)
  store <8 x float> %81, ptr %4, align 32
  %82 = add nsw i64 0, %60
  %83 = mul nsw i64 %17, 4
  %84 = add nsw i64 %83, %82
  %85 = mul nsw i64 %84, 32
  %86 = getelementptr i8, ptr %48, i64 %85
  %87 = load <8 x float>, ptr %5, align 32
  store <8 x float> %87, ptr %86, align 4
  %88 = getelementptr i8, ptr %86, i64 32
  %89 = load <8 x float>, ptr %4, align 32
  store <8 x float> %89, ptr %88, align 4
  %90 = add nsw i64 %58, 1
  %91 = icmp slt i64 %90, 2
  br i1 %91, label %loop3, label %done4

done4:                                            ; preds = %loop3
  %92 = add nsw i64 %28, 1
  %93 = icmp slt i64 %92, %26
  br i1 %93, label %loop1, label %done2

loop11:                                           ; preds = %done14, %done2
  %94 = phi i64 [ %17, %done2 ], [ %98, %done14 ]
  br label %loop13

done12:                                           ; preds = %done14, %done2
  %95 = add nsw i64 %16, 1
  %96 = icmp slt i64 %95, %2
  br i1 %96, label %loop, label %done

loop13:                                           ; preds = %done16, %loop11
  %97 = phi i64 [ 0, %loop11 ], [ %135, %done16 ]
  br label %loop15

done14:                                           ; preds = %done16
  %98 = add nsw i64 %94, 1
  %99 = icmp slt i64 %98, %21
  br i1 %99, label %loop11, label %done12

loop15:                                           ; preds = %loop15, %loop13
  %100 = phi i64 [ 0, %loop13 ], [ %133, %loop15 ]
  %101 = sub nsw i64 %94, %17
  %102 = mul nsw i64 %101, 2
  %103 = sub nsw i64 %97, 0
  %104 = add nsw i64 %102, %103
  %105 = mul nsw i64 %104, 2
  %106 = add nsw i64 %105, %100
  %107 = mul nsw i64 %106, 8
  %108 = sub nsw i64 %107, 0
  %109 = mul nsw i64 %108, 4
  %110 = getelementptr i8, ptr %3, i64 %109
  %111 = add nsw i64 %56, 0
  %112 = mul nsw i64 %94, 2
  %113 = add nsw i64 %112, %97
  %114 = mul nsw i64 %113, 2
  %115 = add nsw i64 %114, %100
  %116 = mul nsw i64 %115, 8
  %117 = add nsw i64 %116, %111
  %118 = getelementptr i8, ptr %54, i64 0
  %119 = load i32, ptr %118, align 4
  %120 = sext i32 %119 to i64
  %121 = mul nsw i64 %120, 4
  %122 = getelementptr i8, ptr %110, i64 %121
  %123 = load <8 x i32>, ptr %118, align 4
  %124 = getelementptr i8, ptr %118, i64 4
  %125 = load <8 x i32>, ptr %124, align 4
  %.splatinsert17 = insertelement <8 x i32> poison, i32 %119, i64 0
  %.splat18 = shufflevector <8 x i32> %.splatinsert17, <8 x i32> poison, <8 x i32> zeroinitializer
  %126 = sub <8 x i32> %123, %.splat18
  %127 = load <8 x float>, ptr %122, align 4
  %128 = call <8 x float> @llvm.x86.avx2.permps(<8 x float> %127, <8 x i32> %126)
  %129 = icmp sgt <8 x i32> %125, %123
  %130 = select <8 x i1> %129, <8 x float> %128, <8 x float> zeroinitializer
  %131 = mul nsw i64 %117, 4
  %132 = getelementptr i8, ptr %10, i64 %131
  store <8 x float> %130, ptr %132, align 4
  %133 = add nsw i64 %100, 1
  %134 = icmp slt i64 %133, 2
  br i1 %134, label %loop15, label %done16

done16:                                           ; preds = %loop15
  %135 = add nsw i64 %97, 1
  %136 = icmp slt i64 %135, 2
  br i1 %136, label %loop13, label %done14
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smax.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>) #1

; Function Attrs: nocallback nofree nosync nounwind willreturn memory(none)
declare <8 x float> @llvm.x86.avx2.permps(<8 x float>, <8 x i32>) #2

attributes #0 = { nounwind "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c" "tune-cpu"="znver3" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
attributes #2 = { nocallback nofree nosync nounwind willreturn memory(none) }
