; ModuleID = 'mb?ic8ih2oc8kh1 sparsity=unstructured:0.2:bound cpu:gemm,axis=q,mr=1,nv=1,unroll=2,window=8'
source_filename = "mb?ic8ih2oc8kh1 sparsity=unstructured:0.2:bound cpu:gemm,axis=q,mr=1,nv=1,unroll=2,window=8"
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

loop:                                             ; preds = %done2, %entry
  %16 = phi i64 [ %1, %entry ], [ %50, %done2 ]
  %17 = urem i64 %16, %12
  %18 = udiv i64 %16, %12
  %19 = call i64 @llvm.smin.i64(i64 2, i64 2)
  %20 = add nsw i64 %17, 1
  %21 = call i64 @llvm.smin.i64(i64 %20, i64 %12)
  %22 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %23 = mul nsw i64 %18, 32
  %24 = getelementptr i8, ptr %6, i64 %23
  %25 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %26 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %27 = icmp slt i64 %25, %26
  br i1 %27, label %loop1, label %done2

done:                                             ; preds = %done2, %entry
  ret void

loop1:                                            ; preds = %done4, %loop
  %28 = phi i64 [ %25, %loop ], [ %74, %done4 ]
  %29 = sub nsw i64 %28, 0
  %30 = mul nsw i64 %29, 64
  %31 = mul nsw i64 %18, 64
  %32 = add nsw i64 %31, %30
  %33 = mul nsw i64 %29, 8
  %34 = mul nsw i64 %18, 8
  %35 = add nsw i64 %34, %33
  %36 = mul nsw i64 %32, 4
  %37 = getelementptr i8, ptr %8, i64 %36
  %38 = add nsw i64 %18, %28
  %39 = mul nsw i64 %38, 8
  %40 = getelementptr i8, ptr %14, i64 %39
  %41 = load i64, ptr %40, align 8
  %42 = getelementptr i8, ptr %8, i64 %41
  %43 = ashr exact i64 %41, 3
  %44 = add nsw i64 %43, 128
  %45 = getelementptr i8, ptr %14, i64 %44
  %46 = mul nsw i64 %38, 2
  %47 = add nsw i64 %46, 0
  %48 = mul nsw i64 %17, 128
  %49 = getelementptr i8, ptr %24, i64 %48
  br label %loop3

done2:                                            ; preds = %done4, %loop
  %50 = add nsw i64 %16, 1
  %51 = icmp slt i64 %50, %2
  br i1 %51, label %loop, label %done

loop3:                                            ; preds = %done10, %loop1
  %52 = phi i64 [ 0, %loop1 ], [ %146, %done10 ]
  %53 = add nsw i64 0, %52
  store <8 x float> zeroinitializer, ptr %5, align 32
  store <8 x float> zeroinitializer, ptr %4, align 32
  %54 = mul nsw i64 %53, 32
  %55 = getelementptr i8, ptr %49, i64 %54
  %56 = call i64 @llvm.smin.i64(i64 0, i64 1)
  %57 = add nsw i64 %47, 1
  %58 = sub nsw i64 %56, 0
  %59 = add nsw i64 %47, %58
  %60 = mul nsw i64 %59, 4
  %61 = add nsw i64 %60, 64
  %62 = getelementptr i8, ptr %14, i64 %61
  %63 = load i32, ptr %62, align 4
  %64 = sext i32 %63 to i64
  %65 = mul nsw i64 %57, 4
  %66 = add nsw i64 %65, 64
  %67 = getelementptr i8, ptr %14, i64 %66
  %68 = load i32, ptr %67, align 4
  %69 = sext i32 %68 to i64
  %70 = sub nsw i64 %69, %64
  %71 = urem i64 %70, 2
  %72 = sub nsw i64 %69, %71
  %73 = icmp slt i64 %64, %72
  br i1 %73, label %loop5, label %done6

done4:                                            ; preds = %done10
  %74 = add nsw i64 %28, 1
  %75 = icmp slt i64 %74, %26
  br i1 %75, label %loop1, label %done2

loop5:                                            ; preds = %loop5, %loop3
  %76 = phi i64 [ %64, %loop3 ], [ %111, %loop5 ]
  %77 = mul nsw i64 %76, 32
  %78 = getelementptr i8, ptr %42, i64 %77
  fence syncscope("singlethread") seq_cst
  %79 = mul nsw i64 %76, 4
  %80 = add nsw i64 %79, 192
  %81 = getelementptr i8, ptr %14, i64 %80
  %82 = load i32, ptr %81, align 4
  %83 = sext i32 %82 to i64
  %84 = mul nsw i64 %76, 4
  %85 = getelementptr i8, ptr %45, i64 %84
  %86 = getelementptr i8, ptr %55, i64 %83
  %87 = load i32, ptr %85, align 4
  %.splatinsert = insertelement <8 x i32> poison, i32 %87, i64 0
  %.splat = shufflevector <8 x i32> %.splatinsert, <8 x i32> poison, <8 x i32> zeroinitializer
  %88 = lshr <8 x i32> %.splat, <i32 0, i32 4, i32 8, i32 12, i32 16, i32 20, i32 24, i32 28>
  %89 = load <8 x float>, ptr %78, align 4
  %90 = load <8 x float>, ptr %86, align 4
  %91 = call <8 x float> @llvm.x86.avx2.permps(<8 x float> %90, <8 x i32> %88)
  %92 = load <8 x float>, ptr %5, align 32
  %93 = call <8 x float> @llvm.fma.v8f32(<8 x float> %91, <8 x float> %89, <8 x float> %92)
  store <8 x float> %93, ptr %5, align 32
  %94 = mul nsw i64 %76, 4
  %95 = add nsw i64 %94, 196
  %96 = getelementptr i8, ptr %14, i64 %95
  %97 = load i32, ptr %96, align 4
  %98 = sext i32 %97 to i64
  %99 = mul nsw i64 %76, 4
  %100 = add nsw i64 %99, 4
  %101 = getelementptr i8, ptr %45, i64 %100
  %102 = getelementptr i8, ptr %78, i64 32
  %103 = getelementptr i8, ptr %55, i64 %98
  %104 = load i32, ptr %101, align 4
  %.splatinsert7 = insertelement <8 x i32> poison, i32 %104, i64 0
  %.splat8 = shufflevector <8 x i32> %.splatinsert7, <8 x i32> poison, <8 x i32> zeroinitializer
  %105 = lshr <8 x i32> %.splat8, <i32 0, i32 4, i32 8, i32 12, i32 16, i32 20, i32 24, i32 28>
  %106 = load <8 x float>, ptr %102, align 4
  %107 = load <8 x float>, ptr %103, align 4
  %108 = call <8 x float> @llvm.x86.avx2.permps(<8 x float> %107, <8 x i32> %105)
  %109 = load <8 x float>, ptr %4, align 32
  %110 = call <8 x float> @llvm.fma.v8f32(<8 x float> %108, <8 x float> %106, <8 x float> %109)
  store <8 x float> %110, ptr %4, align 32
  %111 = add nsw i64 %76, 2
  %112 = icmp slt i64 %111, %72
  br i1 %112, label %loop5, label %done6

done6:                                            ; preds = %loop5, %loop3
  %113 = icmp slt i64 %72, %69
  br i1 %113, label %loop9, label %done10

loop9:                                            ; preds = %loop9, %done6
  %114 = phi i64 [ %72, %done6 ], [ %132, %loop9 ]
  %115 = mul nsw i64 %114, 32
  %116 = getelementptr i8, ptr %42, i64 %115
  fence syncscope("singlethread") seq_cst
  %117 = mul nsw i64 %114, 4
  %118 = add nsw i64 %117, 192
  %119 = getelementptr i8, ptr %14, i64 %118
  %120 = load i32, ptr %119, align 4
  %121 = sext i32 %120 to i64
  %122 = mul nsw i64 %114, 4
  %123 = getelementptr i8, ptr %45, i64 %122
  %124 = getelementptr i8, ptr %55, i64 %121
  %125 = load i32, ptr %123, align 4
  %.splatinsert11 = insertelement <8 x i32> poison, i32 %125, i64 0
  %.splat12 = shufflevector <8 x i32> %.splatinsert11, <8 x i32> poison, <8 x i32> zeroinitializer
  %126 = lshr <8 x i32> %.splat12, <i32 0, i32 4, i32 8, i32 12, i32 16, i32 20, i32 24, i32 28>
  %127 = load <8 x float>, ptr %116, align 4
  %128 = load <8 x float>, ptr %124, align 4
  %129 = call <8 x float> @llvm.x86.avx2.permps(<8 x float> %128, <8 x i32> %126)
  %130 = load <8 x float>, ptr %5, align 32
  %131 = call <8 x float> @llvm.fma.v8f32(<8 x float> %129, <8 x float> %127, <8 x float> %130)
  store <8 x float> %131, ptr %5, align 32
  %132 = add nsw i64 %114, 1
  %133 = icmp slt i64 %132, %69
  br i1 %133, label %loop9, label %done10

done10:                                           ; preds = %loop9, %done6
  %134 = load <8 x float>, ptr %4, align 32
  %135 = load <8 x float>, ptr %5, align 32
  %136 = fadd <8 x float> %135, %134
  store <8 x float> %136, ptr %5, align 32
  %137 = mul nsw i64 %17, 2
  %138 = add nsw i64 %137, 0
  %139 = mul nsw i64 %138, 2
  %140 = add nsw i64 %139, %53
  %141 = mul nsw i64 %140, 8
  %142 = add nsw i64 %141, %35
  %143 = load <8 x float>, ptr %5, align 32
  %144 = mul nsw i64 %142, 4
  %145 = getelementptr i8, ptr %10, i64 %144
  store <8 x float> %143, ptr %145, align 4
  %146 = add nsw i64 %52, 1
  %147 = icmp slt i64 %146, 4
  br i1 %147, label %loop3, label %done4
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smax.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind willreturn memory(none)
declare <8 x float> @llvm.x86.avx2.permps(<8 x float>, <8 x i32>) #2

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>) #1

attributes #0 = { nounwind "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c" "tune-cpu"="znver3" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
attributes #2 = { nocallback nofree nosync nounwind willreturn memory(none) }
