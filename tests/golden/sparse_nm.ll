; ModuleID = 'mb?ic8ih2oc8kh1 sparsity=nm:2:4 cpu:gemm,axis=q,mr=2,nv=1,unroll=1,window=4'
source_filename = "mb?ic8ih2oc8kh1 sparsity=nm:2:4 cpu:gemm,axis=q,mr=2,nv=1,unroll=1,window=4"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

@pattern = private constant [256 x i8] c"\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\04\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00 \02\12\01!\02 \00 \00313\13\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\04\00\00\00\10\00\00\00\10\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00", align 64

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
  %13 = icmp slt i64 %1, %2
  br i1 %13, label %loop, label %done

loop:                                             ; preds = %done2, %entry
  %14 = phi i64 [ %1, %entry ], [ %48, %done2 ]
  %15 = urem i64 %14, %12
  %16 = udiv i64 %14, %12
  %17 = call i64 @llvm.smin.i64(i64 2, i64 2)
  %18 = add nsw i64 %15, 1
  %19 = call i64 @llvm.smin.i64(i64 %18, i64 %12)
  %20 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %21 = mul nsw i64 %16, 32
  %22 = getelementptr i8, ptr %6, i64 %21
  %23 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %24 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %25 = icmp slt i64 %23, %24
  br i1 %25, label %loop1, label %done2

done:                                             ; preds = %done2, %entry
  ret void

loop1:                                            ; preds = %done4, %loop
  %26 = phi i64 [ %23, %loop ], [ %70, %done4 ]
  %27 = sub nsw i64 %26, 0
  %28 = mul nsw i64 %27, 64
  %29 = mul nsw i64 %16, 64
  %30 = add nsw i64 %29, %28
  %31 = mul nsw i64 %27, 8
  %32 = mul nsw i64 %16, 8
  %33 = add nsw i64 %32, %31
  %34 = mul nsw i64 %30, 4
  %35 = getelementptr i8, ptr %8, i64 %34
  %36 = add nsw i64 %16, %26
  %37 = mul nsw i64 %36, 8
  %38 = getelementptr i8, ptr @pattern, i64 %37
  %39 = load i64, ptr %38, align 8
  %40 = getelementptr i8, ptr %8, i64 %39
  %41 = ashr exact i64 %39, 3
  %42 = add nsw i64 %41, 128
  %43 = getelementptr i8, ptr @pattern, i64 %42
  %44 = mul nsw i64 %36, 2
  %45 = add nsw i64 %44, 0
  %46 = mul nsw i64 %15, 128
  %47 = getelementptr i8, ptr %22, i64 %46
  br label %loop3

done2:                                            ; preds = %done4, %loop
  %48 = add nsw i64 %14, 1
  %49 = icmp slt i64 %48, %2
  br i1 %49, label %loop, label %done

loop3:                                            ; preds = %done6, %loop1
  %50 = phi i64 [ 0, %loop1 ], [ %112, %done6 ]
  %51 = mul nsw i64 %50, 2
  %52 = add nsw i64 0, %51
  store <8 x float> zeroinitializer, ptr %5, align 32
  store <8 x float> zeroinitializer, ptr %4, align 32
  %53 = mul nsw i64 %52, 32
  %54 = getelementptr i8, ptr %47, i64 %53
  %55 = call i64 @llvm.smin.i64(i64 0, i64 1)
  %56 = add nsw i64 %45, 1
  %57 = sub nsw i64 %55, 0
  %58 = add nsw i64 %45, %57
  %59 = mul nsw i64 %58, 4
  %60 = add nsw i64 %59, 64
  %61 = getelementptr i8, ptr @pattern, i64 %60
  %62 = load i32, ptr %61, align 4
  %63 = sext i32 %62 to i64
  %64 = mul nsw i64 %56, 4
  %65 = add nsw i64 %64, 64
  %66 = getelementptr i8, ptr @pattern, i64 %65
  %67 = load i32, ptr %66, align 4
  %68 = sext i32 %67 to i64
  %69 = icmp slt i64 %63, %68
  br i1 %69, label %loop5, label %done6

done4:                                            ; preds = %done6
  %70 = add nsw i64 %26, 1
  %71 = icmp slt i64 %70, %24
  br i1 %71, label %loop1, label %done2

loop5:                                            ; preds = %loop5, %loop3
  %72 = phi i64 [ %63, %loop3 ], [ %97, %loop5 ]
  %73 = mul nsw i64 %72, 32
  %74 = getelementptr i8, ptr %40, i64 %73
  fence syncscope("singlethread") seq_cst
  %75 = mul nsw i64 %72, 4
  %76 = add nsw i64 %75, 192
  %77 = getelementptr i8, ptr @pattern, i64 %76
  %78 = load i32, ptr %77, align 4
  %79 = sext i32 %78 to i64
  %80 = mul nsw i64 %72, 4
  %81 = getelementptr i8, ptr %43, i64 %80
  %82 = getelementptr i8, ptr %54, i64 %79
  %83 = load i32, ptr %81, align 4
  %.splatinsert = insertelement <8 x i32> poison, i32 %83, i64 0
  %.splat = shufflevector <8 x i32> %.splatinsert, <8 x i32> poison, <8 x i32> zeroinitializer
  %84 = lshr <8 x i32> %.splat, <i32 0, i32 4, i32 8, i32 12, i32 16, i32 20, i32 24, i32 28>
  %85 = load <8 x float>, ptr %74, align 4
  %86 = load <4 x float>, ptr %82, align 4
  %87 = shufflevector <4 x float> %86, <4 x float> poison, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3>
  %88 = call <8 x float> @llvm.x86.avx.vpermilvar.ps.256(<8 x float> %87, <8 x i32> %84)
  %89 = load <8 x float>, ptr %5, align 32
  %90 = call <8 x float> @llvm.fma.v8f32(<8 x float> %88, <8 x float> %85, <8 x float> %89)
  store <8 x float> %90, ptr %5, align 32
  %91 = getelementptr i8, ptr %82, i64 32
  %92 = load <4 x float>, ptr %91, align 4
  %93 = shufflevector <4 x float> %92, <4 x float> poison, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3>
  %94 = call <8 x float> @llvm.x86.avx.vpermilvar.ps.256(<8 x float> %93, <8 x i32> %84)
  %95 = load <8 x float>, ptr %4, align 32
  %96 = call <8 x float> @llvm.fma.v8f32(<8 x float> %94, <8 x float> %85, <8 x float> %95)
  store <8 x float> %96, ptr %4, align 32
  %97 = add nsw i64 %72, 1
  %98 = icmp slt i64 %97, %68
  br i1 %98, label %loop5, label %done6

done6:                                            ; preds = %loop5, %loop3
  %99 = mul nsw i64 %15, 2
  %100 = add nsw i64 %99, 0
  %101 = mul nsw i64 %100, 2
  %102 = add nsw i64 %101, %52
  %103 = mul nsw i64 %102, 8
  %104 = add nsw i64 %103, %33
  %105 = load <8 x float>, ptr %5, align 32
  %106 = mul nsw i64 %104, 4
  %107 = getelementptr i8, ptr %10, i64 %106
  store <8 x float> %105, ptr %107, align 4
  %108 = add nsw i64 %104, 8
  %109 = load <8 x float>, ptr %4, align 32
  %110 = mul nsw i64 %108, 4
  %111 = getelementptr i8, ptr %10, i64 %110
  store <8 x float> %109, ptr %111, align 4
  %112 = add nsw i64 %50, 1
  %113 = icmp slt i64 %112, 2
  br i1 %113, label %loop3, label %done4
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smax.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind willreturn memory(none)
declare <8 x float> @llvm.x86.avx.vpermilvar.ps.256(<8 x float>, <8 x i32>) #2

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>) #1

attributes #0 = { nounwind "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c" "tune-cpu"="znver3" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
attributes #2 = { nocallback nofree nosync nounwind willreturn memory(none) }
