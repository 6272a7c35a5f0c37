; ModuleID = 'g8mb?ic8ih3oc8kh3ph1 cpu:depthwise,mr=3,nv=1,rows=1'
source_filename = "g8mb?ic8ih3oc8kh3ph1 cpu:depthwise,mr=3,nv=1,rows=1"
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
  %15 = phi i64 [ %1, %entry ], [ %29, %done2 ]
  %16 = urem i64 %15, 3
  %17 = udiv i64 %15, 3
  %18 = urem i64 %17, %13
  %19 = udiv i64 %17, %13
  %20 = add nsw i64 %16, 1
  %21 = call i64 @llvm.smin.i64(i64 %20, i64 3)
  %22 = add nsw i64 %18, 1
  %23 = call i64 @llvm.smin.i64(i64 %22, i64 %13)
  %24 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %25 = icmp slt i64 %18, %23
  br i1 %25, label %loop1, label %done2

done:                                             ; preds = %done2, %entry
  ret void

loop1:                                            ; preds = %done4, %loop
  %26 = phi i64 [ %18, %loop ], [ %45, %done4 ]
  %27 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %28 = icmp slt i64 %16, %21
  br i1 %28, label %loop3, label %done4

done2:                                            ; preds = %done4, %loop
  %29 = add nsw i64 %15, 1
  %30 = icmp slt i64 %29, %2
  br i1 %30, label %loop, label %done

loop3:                                            ; preds = %done6, %loop1
  %31 = phi i64 [ %16, %loop1 ], [ %61, %done6 ]
  %32 = add nsw i64 %31, -1
  %33 = sub nsw i64 0, %32
  %34 = call i64 @llvm.smax.i64(i64 %33, i64 0)
  %35 = call i64 @llvm.smax.i64(i64 %34, i64 0)
  %36 = sub nsw i64 2, %32
  %37 = icmp sge i64 %36, 0
  %38 = call i64 @llvm.smax.i64(i64 %36, i64 0)
  %39 = add nsw i64 %38, 1
  %40 = call i64 @llvm.smin.i64(i64 %39, i64 3)
  %41 = select i1 %37, i64 %40, i64 0
  %42 = call i64 @llvm.smin.i64(i64 %27, i64 1)
  %43 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %44 = icmp slt i64 %43, %42
  br i1 %44, label %loop5, label %done6

done4:                                            ; preds = %done6, %loop1
  %45 = add nsw i64 %26, 1
  %46 = icmp slt i64 %45, %23
  br i1 %46, label %loop1, label %done2

loop5:                                            ; preds = %done8, %loop3
  %47 = phi i64 [ %43, %loop3 ], [ %119, %done8 ]
  store <8 x float> zeroinitializer, ptr %6, align 32
  store <8 x float> zeroinitializer, ptr %5, align 32
  store <8 x float> zeroinitializer, ptr %4, align 32
  %48 = mul nsw i64 %47, 8
  %49 = mul nsw i64 %47, 288
  %50 = getelementptr i8, ptr %9, i64 %49
  %51 = mul nsw i64 %26, 3
  %52 = add nsw i64 %51, %31
  %53 = add nsw i64 %52, -1
  %54 = mul nsw i64 %53, 3
  %55 = add nsw i64 %54, -1
  %56 = mul nsw i64 %55, 8
  %57 = add nsw i64 %56, %48
  %58 = mul nsw i64 %57, 4
  %59 = getelementptr i8, ptr %7, i64 %58
  %60 = icmp slt i64 %35, %41
  br i1 %60, label %loop7, label %done8

done6:                                            ; preds = %done8, %loop3
  %61 = add nsw i64 %31, 1
  %62 = icmp slt i64 %61, %21
  br i1 %62, label %loop3, label %done4

loop7:                                            ; preds = %loop7, %loop5
  %63 = phi i64 [ %35, %loop5 ], [ %100, %loop7 ]
  %64 = mul nsw i64 %63, 96
  %65 = getelementptr i8, ptr %50, i64 %64
  %66 = mul nsw i64 %63, 96
  %67 = getelementptr i8, ptr %59, i64 %66
  %68 = getelementptr i8, ptr %67, i64 32
  %69 = load <8 x float>, ptr %68, align 4
  %70 = load <8 x float>, ptr %65, align 4
  %71 = load <8 x float>, ptr %5, align 32
  %72 = call <8 x float> @llvm.fma.v8f32(<8 x float> %69, <8 x float> %70, <8 x float> %71)
  store <8 x float> %72, ptr %5, align 32
  %73 = getelementptr i8, ptr %65, i64 32
  %74 = load <8 x float>, ptr %73, align 4
  %75 = load <8 x float>, ptr %6, align 32
  %76 = call <8 x float> @llvm.fma.v8f32(<8 x float> %69, <8 x float> %74, <8 x float> %75)
  store <8 x float> %76, ptr %6, align 32
  %77 = getelementptr i8, ptr %67, i64 64
  %78 = load <8 x float>, ptr %77, align 4
  %79 = load <8 x float>, ptr %65, align 4
  %80 = load <8 x float>, ptr %4, align 32
  %81 = call <8 x float> @llvm.fma.v8f32(<8 x float> %78, <8 x float> %79, <8 x float> %80)
  store <8 x float> %81, ptr %4, align 32
  %82 = getelementptr i8, ptr %65, i64 32
  %83 = load <8 x float>, ptr %82, align 4
  %84 = load <8 x float>, ptr %5, align 32
  %85 = call <8 x float> @llvm.fma.v8f32(<8 x float> %78, <8 x float> %83, <8 x float> %84)
  store <8 x float> %85, ptr %5, align 32
  %86 = getelementptr i8, ptr %65, i64 64
  %87 = load <8 x float>, ptr %86, align 4
  %88 = load <8 x float>, ptr %6, align 32
  %89 = call <8 x float> @llvm.fma.v8f32(<8 x float> %78, <8 x float> %87, <8 x float> %88)
  store <8 x float> %89, ptr %6, align 32
  %90 = getelementptr i8, ptr %67, i64 96
  %91 = load <8 x float>, ptr %90, align 4
  %92 = getelementptr i8, ptr %65, i64 32
  %93 = load <8 x float>, ptr %92, align 4
  %94 = load <8 x float>, ptr %4, align 32
  %95 = call <8 x float> @llvm.fma.v8f32(<8 x float> %91, <8 x float> %93, <8 x float> %94)
  store <8 x float> %95, ptr %4, align 32
  %96 = getelementptr i8, ptr %65, i64 64
  %97 = load <8 x float>, ptr %96, align 4
  %98 = load <8 x float>, ptr %5, align 32
  %99 = call <8 x float> @llvm.fma.v8f32(<8 x float> %91, <8 x float> %97, <8 x float> %98)
  store <8 x float> %99, ptr %5, align 32
  %100 = add nsw i64 %63, 1
  %101 = icmp slt i64 %100, %41
  br i1 %101, label %loop7, label %done8

done8:                                            ; preds = %loop7, %loop5
  %102 = mul nsw i64 %26, 3
  %103 = add nsw i64 %102, %31
  %104 = mul nsw i64 %103, 3
  %105 = add nsw i64 %104, 0
  %106 = mul nsw i64 %105, 8
  %107 = add nsw i64 %106, %48
  %108 = load <8 x float>, ptr %6, align 32
  %109 = mul nsw i64 %107, 4
  %110 = getelementptr i8, ptr %11, i64 %109
  store <8 x float> %108, ptr %110, align 4
  %111 = add nsw i64 %107, 8
  %112 = load <8 x float>, ptr %5, align 32
  %113 = mul nsw i64 %111, 4
  %114 = getelementptr i8, ptr %11, i64 %113
  store <8 x float> %112, ptr %114, align 4
  %115 = add nsw i64 %107, 16
  %116 = load <8 x float>, ptr %4, align 32
  %117 = mul nsw i64 %115, 4
  %118 = getelementptr i8, ptr %11, i64 %117
  store <8 x float> %116, ptr %118, align 4
  %119 = add nsw i64 %47, 1
  %120 = icmp slt i64 %119, %42
  br i1 %120, label %loop5, label %done6
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smax.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>) #1

attributes #0 = { nounwind "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c" "tune-cpu"="znver3" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
