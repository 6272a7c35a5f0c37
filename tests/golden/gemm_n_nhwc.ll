; ModuleID = 'mb?ic2ih1oc8kh3ph1 cpu:gemm,axis=n,mr=2,nv=1,rows=2,unroll=1'
source_filename = "mb?ic2ih1oc8kh3ph1 cpu:gemm,axis=n,mr=2,nv=1,rows=2,unroll=1"
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
  %14 = add nsw i64 %13, 1
  %15 = udiv i64 %14, 2
  %16 = icmp slt i64 %1, %2
  br i1 %16, label %loop, label %done

loop:                                             ; preds = %done2, %entry
  %17 = phi i64 [ %1, %entry ], [ %46, %done2 ]
  %18 = urem i64 %17, %15
  %19 = udiv i64 %17, %15
  %20 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %21 = mul nsw i64 %18, 2
  %22 = add nsw i64 %21, 2
  %23 = call i64 @llvm.smin.i64(i64 %22, i64 %13)
  %24 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %25 = mul nsw i64 %19, 8
  %26 = getelementptr i8, ptr %7, i64 %25
  %27 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %28 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %29 = icmp slt i64 %27, %28
  br i1 %29, label %loop1, label %done2

done:                                             ; preds = %done2, %entry
  ret void

loop1:                                            ; preds = %endif12, %loop
  %30 = phi i64 [ %27, %loop ], [ %93, %endif12 ]
  %31 = sub nsw i64 %30, 0
  %32 = mul nsw i64 %31, 16
  %33 = mul nsw i64 %19, 16
  %34 = add nsw i64 %33, %32
  %35 = mul nsw i64 %31, 8
  %36 = mul nsw i64 %19, 8
  %37 = add nsw i64 %36, %35
  %38 = mul nsw i64 %34, 4
  %39 = getelementptr i8, ptr %9, i64 %38
  %40 = getelementptr i8, ptr %26, i64 0
  %41 = getelementptr i8, ptr %39, i64 0
  %42 = sub nsw i64 %23, %21
  %43 = urem i64 %42, 2
  %44 = sub nsw i64 %23, %43
  %45 = icmp slt i64 %21, %44
  br i1 %45, label %loop3, label %done4

done2:                                            ; preds = %endif12, %loop
  %46 = add nsw i64 %17, 1
  %47 = icmp slt i64 %46, %2
  br i1 %47, label %loop, label %done

loop3:                                            ; preds = %endif, %loop1
  %48 = phi i64 [ %21, %loop1 ], [ %86, %endif ]
  %49 = mul nsw i64 %48, 8
  %50 = getelementptr i8, ptr %40, i64 %49
  store <8 x float> zeroinitializer, ptr %6, align 32
  store <8 x float> zeroinitializer, ptr %5, align 32
  %51 = getelementptr i8, ptr %50, i64 0
  %52 = getelementptr i8, ptr %51, i64 0
  %53 = getelementptr i8, ptr %41, i64 0
  br i1 true, label %then, label %endif

done4:                                            ; preds = %endif, %loop1
  %54 = icmp eq i64 %43, 1
  br i1 %54, label %then11, label %endif12

then:                                             ; preds = %loop3
  %55 = getelementptr i8, ptr %53, i64 0
  %56 = getelementptr i8, ptr %52, i64 0
  fence syncscope("singlethread") seq_cst
  %57 = load <8 x float>, ptr %55, align 16
  %58 = load float, ptr %56, align 4
  %.splatinsert = insertelement <8 x float> poison, float %58, i64 0
  %.splat = shufflevector <8 x float> %.splatinsert, <8 x float> poison, <8 x i32> zeroinitializer
  %59 = load <8 x float>, ptr %6, align 32
  %60 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat, <8 x float> %57, <8 x float> %59)
  store <8 x float> %60, ptr %6, align 32
  %61 = getelementptr i8, ptr %56, i64 8
  %62 = load float, ptr %61, align 4
  %.splatinsert5 = insertelement <8 x float> poison, float %62, i64 0
  %.splat6 = shufflevector <8 x float> %.splatinsert5, <8 x float> poison, <8 x i32> zeroinitializer
  %63 = load <8 x float>, ptr %5, align 32
  %64 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat6, <8 x float> %57, <8 x float> %63)
  store <8 x float> %64, ptr %5, align 32
  %65 = getelementptr i8, ptr %55, i64 32
  %66 = load <8 x float>, ptr %65, align 16
  %67 = getelementptr i8, ptr %56, i64 4
  %68 = load float, ptr %67, align 4
  %.splatinsert7 = insertelement <8 x float> poison, float %68, i64 0
  %.splat8 = shufflevector <8 x float> %.splatinsert7, <8 x float> poison, <8 x i32> zeroinitializer
  %69 = load <8 x float>, ptr %6, align 32
  %70 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat8, <8 x float> %66, <8 x float> %69)
  store <8 x float> %70, ptr %6, align 32
  %71 = getelementptr i8, ptr %56, i64 12
  %72 = load float, ptr %71, align 4
  %.splatinsert9 = insertelement <8 x float> poison, float %72, i64 0
  %.splat10 = shufflevector <8 x float> %.splatinsert9, <8 x float> poison, <8 x i32> zeroinitializer
  %73 = load <8 x float>, ptr %5, align 32
  %74 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat10, <8 x float> %66, <8 x float> %73)
  store <8 x float> %74, ptr %5, align 32
  br label %endif

endif:                                            ; preds = %then, %loop3
  %75 = add nsw i64 %48, 0
  %76 = add nsw i64 %75, 0
  %77 = mul nsw i64 %76, 8
  %78 = add nsw i64 %77, %37
  %79 = load <8 x float>, ptr %6, align 32
  %80 = mul nsw i64 %78, 4
  %81 = getelementptr i8, ptr %11, i64 %80
  store <8 x float> %79, ptr %81, align 4
  %82 = add nsw i64 %78, 8
  %83 = load <8 x float>, ptr %5, align 32
  %84 = mul nsw i64 %82, 4
  %85 = getelementptr i8, ptr %11, i64 %84
  store <8 x float> %83, ptr %85, align 4
  %86 = add nsw i64 %48, 2
  %87 = icmp slt i64 %86, %44
  br i1 %87, label %loop3, label %done4

then11:                                           ; preds = %done4
  %88 = mul nsw i64 %44, 8
  %89 = getelementptr i8, ptr %40, i64 %88
  store <8 x float> zeroinitializer, ptr %4, align 32
  %90 = getelementptr i8, ptr %89, i64 0
  %91 = getelementptr i8, ptr %90, i64 0
  %92 = getelementptr i8, ptr %41, i64 0
  br i1 true, label %then13, label %endif14

endif12:                                          ; preds = %endif14, %done4
  %93 = add nsw i64 %30, 1
  %94 = icmp slt i64 %93, %28
  br i1 %94, label %loop1, label %done2

then13:                                           ; preds = %then11
  %95 = getelementptr i8, ptr %92, i64 0
  %96 = getelementptr i8, ptr %91, i64 0
  fence syncscope("singlethread") seq_cst
  %97 = load <8 x float>, ptr %95, align 16
  %98 = load float, ptr %96, align 4
  %.splatinsert15 = insertelement <8 x float> poison, float %98, i64 0
  %.splat16 = shufflevector <8 x float> %.splatinsert15, <8 x float> poison, <8 x i32> zeroinitializer
  %99 = load <8 x float>, ptr %4, align 32
  %100 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat16, <8 x float> %97, <8 x float> %99)
  store <8 x float> %100, ptr %4, align 32
  %101 = getelementptr i8, ptr %95, i64 32
  %102 = load <8 x float>, ptr %101, align 16
  %103 = getelementptr i8, ptr %96, i64 4
  %104 = load float, ptr %103, align 4
  %.splatinsert17 = insertelement <8 x float> poison, float %104, i64 0
  %.splat18 = shufflevector <8 x float> %.splatinsert17, <8 x float> poison, <8 x i32> zeroinitializer
  %105 = load <8 x float>, ptr %4, align 32
  %106 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat18, <8 x float> %102, <8 x float> %105)
  store <8 x float> %106, ptr %4, align 32
  br label %endif14

endif14:                                          ; preds = %then13, %then11
  %107 = add nsw i64 %44, 0
  %108 = add nsw i64 %107, 0
  %109 = mul nsw i64 %108, 8
  %110 = add nsw i64 %109, %37
  %111 = load <8 x float>, ptr %4, align 32
  %112 = mul nsw i64 %110, 4
  %113 = getelementptr i8, ptr %11, i64 %112
  store <8 x float> %111, ptr %113, align 4
  br label %endif12
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smax.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>) #1

attributes #0 = { nounwind "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c" "tune-cpu"="znver3" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
