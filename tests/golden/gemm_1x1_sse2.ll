; ModuleID = 'mb?ic2ih2oc4kh1 cpu:gemm,axis=q,mr=2,nv=1,unroll=1'
source_filename = "mb?ic2ih2oc4kh1 cpu:gemm,axis=q,mr=2,nv=1,unroll=1"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

; Function Attrs: nounwind
define void @convoke_kernel(ptr %0, i64 %1, i64 %2, ptr %3) #0 {
entry:
  %4 = alloca <4 x float>, align 16
  %5 = alloca <4 x float>, align 16
  %6 = load ptr, ptr %0, align 8
  %7 = getelementptr i8, ptr %0, i64 8
  %8 = load ptr, ptr %7, align 8
  %9 = getelementptr i8, ptr %0, i64 16
  %10 = load ptr, ptr %9, align 8
  %11 = getelementptr i8, ptr %0, i64 24
  %12 = load i64, ptr %11, align 4
  %13 = icmp slt i64 %1, %2
  br i1 %13, label %loop, label %done

loop:                                             ; preds = %done2, %entry
  %14 = phi i64 [ %1, %entry ], [ %40, %done2 ]
  %15 = urem i64 %14, %12
  %16 = udiv i64 %14, %12
  %17 = call i64 @llvm.smin.i64(i64 2, i64 2)
  %18 = add nsw i64 %15, 1
  %19 = call i64 @llvm.smin.i64(i64 %18, i64 %12)
  %20 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %21 = mul nsw i64 %16, 8
  %22 = getelementptr i8, ptr %6, i64 %21
  %23 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %24 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %25 = icmp slt i64 %23, %24
  br i1 %25, label %loop1, label %done2

done:                                             ; preds = %done2, %entry
  ret void

loop1:                                            ; preds = %done4, %loop
  %26 = phi i64 [ %23, %loop ], [ %85, %done4 ]
  %27 = sub nsw i64 %26, 0
  %28 = mul nsw i64 %27, 8
  %29 = mul nsw i64 %16, 8
  %30 = add nsw i64 %29, %28
  %31 = mul nsw i64 %27, 4
  %32 = mul nsw i64 %16, 4
  %33 = add nsw i64 %32, %31
  %34 = mul nsw i64 %30, 4
  %35 = getelementptr i8, ptr %8, i64 %34
  %36 = getelementptr i8, ptr %22, i64 0
  %37 = getelementptr i8, ptr %35, i64 0
  %38 = mul nsw i64 %15, 32
  %39 = getelementptr i8, ptr %36, i64 %38
  br label %loop3

done2:                                            ; preds = %done4, %loop
  %40 = add nsw i64 %14, 1
  %41 = icmp slt i64 %40, %2
  br i1 %41, label %loop, label %done

loop3:                                            ; preds = %loop3, %loop1
  %42 = phi i64 [ 0, %loop1 ], [ %83, %loop3 ]
  %43 = mul nsw i64 %42, 2
  %44 = add nsw i64 0, %43
  store <4 x float> zeroinitializer, ptr %5, align 16
  store <4 x float> zeroinitializer, ptr %4, align 16
  %45 = mul nsw i64 %44, 8
  %46 = getelementptr i8, ptr %39, i64 %45
  %47 = getelementptr i8, ptr %37, i64 0
  fence syncscope("singlethread") seq_cst
  %48 = load <4 x float>, ptr %47, align 16
  %49 = load float, ptr %46, align 4
  %.splatinsert = insertelement <4 x float> poison, float %49, i64 0
  %.splat = shufflevector <4 x float> %.splatinsert, <4 x float> poison, <4 x i32> zeroinitializer
  %50 = load <4 x float>, ptr %5, align 16
  %51 = fmul <4 x float> %.splat, %48
  %52 = fadd <4 x float> %51, %50
  store <4 x float> %52, ptr %5, align 16
  %53 = getelementptr i8, ptr %46, i64 8
  %54 = load float, ptr %53, align 4
  %.splatinsert5 = insertelement <4 x float> poison, float %54, i64 0
  %.splat6 = shufflevector <4 x float> %.splatinsert5, <4 x float> poison, <4 x i32> zeroinitializer
  %55 = load <4 x float>, ptr %4, align 16
  %56 = fmul <4 x float> %.splat6, %48
  %57 = fadd <4 x float> %56, %55
  store <4 x float> %57, ptr %4, align 16
  %58 = getelementptr i8, ptr %47, i64 16
  %59 = load <4 x float>, ptr %58, align 16
  %60 = getelementptr i8, ptr %46, i64 4
  %61 = load float, ptr %60, align 4
  %.splatinsert7 = insertelement <4 x float> poison, float %61, i64 0
  %.splat8 = shufflevector <4 x float> %.splatinsert7, <4 x float> poison, <4 x i32> zeroinitializer
  %62 = load <4 x float>, ptr %5, align 16
  %63 = fmul <4 x float> %.splat8, %59
  %64 = fadd <4 x float> %63, %62
  store <4 x float> %64, ptr %5, align 16
  %65 = getelementptr i8, ptr %46, i64 12
  %66 = load float, ptr %65, align 4
  %.splatinsert9 = insertelement <4 x float> poison, float %66, i64 0
  %.splat10 = shufflevector <4 x float> %.splatinsert9, <4 x float> poison, <4 x i32> zeroinitializer
  %67 = load <4 x float>, ptr %4, align 16
  %68 = fmul <4 x float> %.splat10, %59
  %69 = fadd <4 x float> %68, %67
  store <4 x float> %69, ptr %4, align 16
  %70 = mul nsw i64 %15, 2
  %71 = add nsw i64 %70, 0
  %72 = mul nsw i64 %71, 2
  %73 = add nsw i64 %72, %44
  %74 = mul nsw i64 %73, 4
  %75 = add nsw i64 %74, %33
  %76 = load <4 x float>, ptr %5, align 16
  %77 = mul nsw i64 %75, 4
  %78 = getelementptr i8, ptr %10, i64 %77
  store <4 x float> %76, ptr %78, align 4
  %79 = add nsw i64 %75, 4
  %80 = load <4 x float>, ptr %4, align 16
  %81 = mul nsw i64 %79, 4
  %82 = getelementptr i8, ptr %10, i64 %81
  store <4 x float> %80, ptr %82, align 4
  %83 = add nsw i64 %42, 1
  %84 = icmp slt i64 %83, 2
  br i1 %84, label %loop3, label %done4

done4:                                            ; preds = %loop3
  %85 = add nsw i64 %26, 1
  %86 = icmp slt i64 %85, %24
  br i1 %86, label %loop1, label %done2
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smax.i64(i64, i64) #1

attributes #0 = { nounwind "target-cpu"="x86-64" "target-features"="+sse2" "tune-cpu"="x86-64" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
