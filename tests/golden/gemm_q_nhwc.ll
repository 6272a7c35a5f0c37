; ModuleID = 'mb?ic2ih3oc8kh3ph1 cpu:gemm,axis=q,mr=3,nv=1,unroll=1'
source_filename = "mb?ic2ih3oc8kh3ph1 cpu:gemm,axis=q,mr=3,nv=1,unroll=1"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

; Function Attrs: nounwind
define void @convoke_kernel(ptr %0, i64 %1, i64 %2, ptr %3) #0 {
entry:
  %4 = alloca <8 x float>, align 32
  %5 = alloca <8 x float>, align 32
  %6 = alloca <8 x float>, align 32
  %7 = load ptr, ptr %0, align 8
  %8 = getelementptr i8, ptr %0, i64 8
  %9 = load ptr, ptr %8, align 8
  %10 = getelementptr i8, ptr %0, i64 16
  %11 = load ptr, ptr %10, align 8
  %12 = getelementptr i8, ptr %0, i64 24
  %13 = load i64, ptr %12, align 4
  %14 = icmp slt i64 %1, %2
  br i1 %14, label %loop, label %done

loop:                                             ; preds = %done2, %entry
  %15 = phi i64 [ %1, %entry ], [ %41, %done2 ]
  %16 = urem i64 %15, %13
  %17 = udiv i64 %15, %13
  %18 = call i64 @llvm.smin.i64(i64 3, i64 3)
  %19 = add nsw i64 %16, 1
  %20 = call i64 @llvm.smin.i64(i64 %19, i64 %13)
  %21 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %22 = mul nsw i64 %17, 8
  %23 = getelementptr i8, ptr %7, i64 %22
  %24 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %25 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %26 = icmp slt i64 %24, %25
  br i1 %26, label %loop1, label %done2

done:                                             ; preds = %done2, %entry
  ret void

loop1:                                            ; preds = %done4, %loop
  %27 = phi i64 [ %24, %loop ], [ %55, %done4 ]
  %28 = sub nsw i64 %27, 0
  %29 = mul nsw i64 %28, 144
  %30 = mul nsw i64 %17, 144
  %31 = add nsw i64 %30, %29
  %32 = mul nsw i64 %28, 8
  %33 = mul nsw i64 %17, 8
  %34 = add nsw i64 %33, %32
  %35 = mul nsw i64 %31, 4
  %36 = getelementptr i8, ptr %9, i64 %35
  %37 = getelementptr i8, ptr %23, i64 0
  %38 = getelementptr i8, ptr %36, i64 0
  %39 = mul nsw i64 %16, 72
  %40 = getelementptr i8, ptr %37, i64 %39
  br label %loop3

done2:                                            ; preds = %done4, %loop
  %41 = add nsw i64 %15, 1
  %42 = icmp slt i64 %41, %2
  br i1 %42, label %loop, label %done

loop3:                                            ; preds = %done6, %loop1
  %43 = phi i64 [ 0, %loop1 ], [ %152, %done6 ]
  %44 = add nsw i64 %43, -1
  %45 = sub nsw i64 0, %44
  %46 = call i64 @llvm.smax.i64(i64 %45, i64 0)
  %47 = call i64 @llvm.smax.i64(i64 %46, i64 0)
  %48 = sub nsw i64 2, %44
  %49 = icmp sge i64 %48, 0
  %50 = call i64 @llvm.smax.i64(i64 %48, i64 0)
  %51 = add nsw i64 %50, 1
  %52 = call i64 @llvm.smin.i64(i64 %51, i64 3)
  %53 = select i1 %49, i64 %52, i64 0
  store <8 x float> zeroinitializer, ptr %6, align 32
  store <8 x float> zeroinitializer, ptr %5, align 32
  store <8 x float> zeroinitializer, ptr %4, align 32
  %54 = icmp slt i64 %47, %53
  br i1 %54, label %loop5, label %done6

done4:                                            ; preds = %done6
  %55 = add nsw i64 %27, 1
  %56 = icmp slt i64 %55, %25
  br i1 %56, label %loop1, label %done2

loop5:                                            ; preds = %loop5, %loop3
  %57 = phi i64 [ %47, %loop3 ], [ %133, %loop5 ]
  %58 = add nsw i64 %43, %57
  %59 = add nsw i64 %58, -1
  %60 = mul nsw i64 %59, 24
  %61 = getelementptr i8, ptr %40, i64 %60
  %62 = getelementptr i8, ptr %61, i64 0
  %63 = sub nsw i64 %57, 0
  %64 = mul nsw i64 %63, 192
  %65 = getelementptr i8, ptr %38, i64 %64
  %66 = getelementptr i8, ptr %62, i64 -8
  fence syncscope("singlethread") seq_cst
  %67 = load <8 x float>, ptr %65, align 16
  %68 = getelementptr i8, ptr %66, i64 8
  %69 = load float, ptr %68, align 4
  %.splatinsert = insertelement <8 x float> poison, float %69, i64 0
  %.splat = shufflevector <8 x float> %.splatinsert, <8 x float> poison, <8 x i32> zeroinitializer
  %70 = load <8 x float>, ptr %5, align 32
  %71 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat, <8 x float> %67, <8 x float> %70)
  store <8 x float> %71, ptr %5, align 32
  %72 = getelementptr i8, ptr %66, i64 16
  %73 = load float, ptr %72, align 4
  %.splatinsert7 = insertelement <8 x float> poison, float %73, i64 0
  %.splat8 = shufflevector <8 x float> %.splatinsert7, <8 x float> poison, <8 x i32> zeroinitializer
  %74 = load <8 x float>, ptr %4, align 32
  %75 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat8, <8 x float> %67, <8 x float> %74)
  store <8 x float> %75, ptr %4, align 32
  %76 = getelementptr i8, ptr %65, i64 32
  %77 = load <8 x float>, ptr %76, align 16
  %78 = getelementptr i8, ptr %66, i64 12
  %79 = load float, ptr %78, align 4
  %.splatinsert9 = insertelement <8 x float> poison, float %79, i64 0
  %.splat10 = shufflevector <8 x float> %.splatinsert9, <8 x float> poison, <8 x i32> zeroinitializer
  %80 = load <8 x float>, ptr %5, align 32
  %81 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat10, <8 x float> %77, <8 x float> %80)
  store <8 x float> %81, ptr %5, align 32
  %82 = getelementptr i8, ptr %66, i64 20
  %83 = load float, ptr %82, align 4
  %.splatinsert11 = insertelement <8 x float> poison, float %83, i64 0
  %.splat12 = shufflevector <8 x float> %.splatinsert11, <8 x float> poison, <8 x i32> zeroinitializer
  %84 = load <8 x float>, ptr %4, align 32
  %85 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat12, <8 x float> %77, <8 x float> %84)
  store <8 x float> %85, ptr %4, align 32
  %86 = getelementptr i8, ptr %65, i64 64
  fence syncscope("singlethread") seq_cst
  %87 = load <8 x float>, ptr %86, align 16
  %88 = load float, ptr %62, align 4
  %.splatinsert13 = insertelement <8 x float> poison, float %88, i64 0
  %.splat14 = shufflevector <8 x float> %.splatinsert13, <8 x float> poison, <8 x i32> zeroinitializer
  %89 = load <8 x float>, ptr %6, align 32
  %90 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat14, <8 x float> %87, <8 x float> %89)
  store <8 x float> %90, ptr %6, align 32
  %91 = getelementptr i8, ptr %62, i64 8
  %92 = load float, ptr %91, align 4
  %.splatinsert15 = insertelement <8 x float> poison, float %92, i64 0
  %.splat16 = shufflevector <8 x float> %.splatinsert15, <8 x float> poison, <8 x i32> zeroinitializer
  %93 = load <8 x float>, ptr %5, align 32
  %94 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat16, <8 x float> %87, <8 x float> %93)
  store <8 x float> %94, ptr %5, align 32
  %95 = getelementptr i8, ptr %62, i64 16
  %96 = load float, ptr %95, align 4
  %.splatinsert17 = insertelement <8 x float> poison, float %96, i64 0
  %.splat18 = shufflevector <8 x float> %.splatinsert17, <8 x float> poison, <8 x i32> zeroinitializer
  %97 = load <8 x float>, ptr %4, align 32
  %98 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat18, <8 x float> %87, <8 x float> %97)
  store <8 x float> %98, ptr %4, align 32
  %99 = getelementptr i8, ptr %86, i64 32
  %100 = load <8 x float>, ptr %99, align 16
  %101 = getelementptr i8, ptr %62, i64 4
  %102 = load float, ptr %101, align 4
  %.splatinsert19 = insertelement <8 x float> poison, float %102, i64 0
  %.splat20 = shufflevector <8 x float> %.splatinsert19, <8 x float> poison, <8 x i32> zeroinitializer
  %103 = load <8 x float>, ptr %6, align 32
  %104 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat20, <8 x float> %100, <8 x float> %103)
  store <8 x float> %104, ptr %6, align 32
  %105 = getelementptr i8, ptr %62, i64 12
  %106 = load float, ptr %105, align 4
  %.splatinsert21 = insertelement <8 x float> poison, float %106, i64 0
  %.splat22 = shufflevector <8 x float> %.splatinsert21, <8 x float> poison, <8 x i32> zeroinitializer
  %107 = load <8 x float>, ptr %5, align 32
  %108 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat22, <8 x float> %100, <8 x float> %107)
  store <8 x float> %108, ptr %5, align 32
  %109 = getelementptr i8, ptr %62, i64 20
  %110 = load float, ptr %109, align 4
  %.splatinsert23 = insertelement <8 x float> poison, float %110, i64 0
  %.splat24 = shufflevector <8 x float> %.splatinsert23, <8 x float> poison, <8 x i32> zeroinitializer
  %111 = load <8 x float>, ptr %4, align 32
  %112 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat24, <8 x float> %100, <8 x float> %111)
  store <8 x float> %112, ptr %4, align 32
  %113 = getelementptr i8, ptr %65, i64 128
  %114 = getelementptr i8, ptr %62, i64 8
  fence syncscope("singlethread") seq_cst
  %115 = load <8 x float>, ptr %113, align 16
  %116 = load float, ptr %114, align 4
  %.splatinsert25 = insertelement <8 x float> poison, float %116, i64 0
  %.splat26 = shufflevector <8 x float> %.splatinsert25, <8 x float> poison, <8 x i32> zeroinitializer
  %117 = load <8 x float>, ptr %6, align 32
  %118 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat26, <8 x float> %115, <8 x float> %117)
  store <8 x float> %118, ptr %6, align 32
  %119 = getelementptr i8, ptr %114, i64 8
  %120 = load float, ptr %119, align 4
  %.splatinsert27 = insertelement <8 x float> poison, float %120, i64 0
  %.splat28 = shufflevector <8 x float> %.splatinsert27, <8 x float> poison, <8 x i32> zeroinitializer
  %121 = load <8 x float>, ptr %5, align 32
  %122 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat28, <8 x float> %115, <8 x float> %121)
  store <8 x float> %122, ptr %5, align 32
  %123 = getelementptr i8, ptr %113, i64 32
  %124 = load <8 x float>, ptr %123, align 16
  %125 = getelementptr i8, ptr %114, i64 4
  %126 = load float, ptr %125, align 4
  %.splatinsert29 = insertelement <8 x float> poison, float %126, i64 0
  %.splat30 = shufflevector <8 x float> %.splatinsert29, <8 x float> poison, <8 x i32> zeroinitializer
  %127 = load <8 x float>, ptr %6, align 32
  %128 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat30, <8 x float> %124, <8 x float> %127)
  store <8 x float> %128, ptr %6, align 32
  %129 = getelementptr i8, ptr %114, i64 12
  %130 = load float, ptr %129, align 4
  %.splatinsert31 = insertelement <8 x float> poison, float %130, i64 0
  %.splat32 = shufflevector <8 x float> %.splatinsert31, <8 x float> poison, <8 x i32> zeroinitializer
  %131 = load <8 x float>, ptr %5, align 32
  %132 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat32, <8 x float> %124, <8 x float> %131)
  store <8 x float> %132, ptr %5, align 32
  %133 = add nsw i64 %57, 1
  %134 = icmp slt i64 %133, %53
  br i1 %134, label %loop5, label %done6

done6:                                            ; preds = %loop5, %loop3
  %135 = mul nsw i64 %16, 3
  %136 = add nsw i64 %135, %43
  %137 = mul nsw i64 %136, 3
  %138 = add nsw i64 %137, 0
  %139 = mul nsw i64 %138, 8
  %140 = add nsw i64 %139, %34
  %141 = load <8 x float>, ptr %6, align 32
  %142 = mul nsw i64 %140, 4
  %143 = getelementptr i8, ptr %11, i64 %142
  store <8 x float> %141, ptr %143, align 4
  %144 = add nsw i64 %140, 8
  %145 = load <8 x float>, ptr %5, align 32
  %146 = mul nsw i64 %144, 4
  %147 = getelementptr i8, ptr %11, i64 %146
  store <8 x float> %145, ptr %147, align 4
  %148 = add nsw i64 %140, 16
  %149 = load <8 x float>, ptr %4, align 32
  %150 = mul nsw i64 %148, 4
  %151 = getelementptr i8, ptr %11, i64 %150
  store <8 x float> %149, ptr %151, align 4
  %152 = add nsw i64 %43, 1
  %153 = icmp slt i64 %152, 3
  br i1 %153, label %loop3, label %done4
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smax.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>) #1

attributes #0 = { nounwind "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c" "tune-cpu"="znver3" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
