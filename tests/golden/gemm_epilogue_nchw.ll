; ModuleID = 'mb?ic2ih2oc16kh1 layout=nchw epilogue=relu(acc*scale[k]+bias[k]) cpu:gemm,axis=q,mr=1,nv=1,unroll=1'
source_filename = "mb?ic2ih2oc16kh1 layout=nchw epilogue=relu(acc*scale[k]+bias[k]) cpu:gemm,axis=q,mr=1,nv=1,unroll=1"
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
  %12 = getelementptr i8, ptr %0, i64 32
  %13 = load ptr, ptr %12, align 8
  %14 = getelementptr i8, ptr %0, i64 40
  %15 = load ptr, ptr %14, align 8
  %16 = icmp slt i64 %1, %2
  br i1 %16, label %loop, label %done

loop:                                             ; preds = %done10, %entry
  %17 = phi i64 [ %1, %entry ], [ %88, %done10 ]
  %18 = urem i64 %17, %11
  %19 = udiv i64 %17, %11
  %20 = call i64 @llvm.smin.i64(i64 2, i64 2)
  %21 = add nsw i64 %18, 1
  %22 = call i64 @llvm.smin.i64(i64 %21, i64 %11)
  %23 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %24 = mul nsw i64 %19, 8
  %25 = getelementptr i8, ptr %5, i64 %24
  %26 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %27 = call i64 @llvm.smin.i64(i64 %26, i64 2)
  %28 = call i64 @llvm.smin.i64(i64 2, i64 2)
  %29 = call i64 @llvm.smax.i64(i64 %28, i64 %27)
  %30 = icmp slt i64 %18, %22
  br i1 %30, label %loop1, label %done2

done:                                             ; preds = %done10, %entry
  ret void

loop1:                                            ; preds = %done4, %loop
  %31 = phi i64 [ %18, %loop ], [ %55, %done4 ]
  %32 = sub nsw i64 %31, %18
  %33 = mul nsw i64 %32, 32
  %34 = getelementptr i8, ptr %3, i64 %33
  %35 = icmp slt i64 %27, %29
  br i1 %35, label %loop3, label %done4

done2:                                            ; preds = %done4, %loop
  %36 = mul nsw i64 %18, 32
  %37 = mul nsw i64 %27, 16
  %38 = add nsw i64 %37, %36
  %39 = sub nsw i64 0, %38
  %40 = getelementptr i8, ptr %3, i64 %39
  %41 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %42 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %43 = icmp slt i64 %41, %42
  br i1 %43, label %loop9, label %done10

loop3:                                            ; preds = %done6, %loop1
  %44 = phi i64 [ %27, %loop1 ], [ %58, %done6 ]
  %45 = sub nsw i64 %44, %27
  %46 = mul nsw i64 %45, 16
  %47 = getelementptr i8, ptr %34, i64 %46
  %48 = mul nsw i64 %19, 2
  %49 = mul nsw i64 %31, 2
  %50 = add nsw i64 %49, %48
  %51 = mul nsw i64 %50, 2
  %52 = add nsw i64 %51, %44
  %53 = mul nsw i64 %52, 8
  %54 = getelementptr i8, ptr %5, i64 %53
  br label %loop5

done4:                                            ; preds = %done6, %loop1
  %55 = add nsw i64 %31, 1
  %56 = icmp slt i64 %55, %22
  br i1 %56, label %loop1, label %done2

loop5:                                            ; preds = %done8, %loop3
  %57 = phi i64 [ 0, %loop3 ], [ %72, %done8 ]
  br label %loop7

done6:                                            ; preds = %done8
  %58 = add nsw i64 %44, 1
  %59 = icmp slt i64 %58, %29
  br i1 %59, label %loop3, label %done4

loop7:                                            ; preds = %loop7, %loop5
  %60 = phi i64 [ 0, %loop5 ], [ %70, %loop7 ]
  %61 = mul nsw i64 %60, 4
  %62 = mul nsw i64 %57, 16
  %63 = add nsw i64 %62, %61
  %64 = getelementptr i8, ptr %54, i64 %63
  %65 = load float, ptr %64, align 4
  %66 = mul nsw i64 %57, 4
  %67 = mul nsw i64 %60, 8
  %68 = add nsw i64 %67, %66
  %69 = getelementptr i8, ptr %47, i64 %68
  store float %65, ptr %69, align 4
  %70 = add nsw i64 %60, 1
  %71 = icmp slt i64 %70, 2
  br i1 %71, label %loop7, label %done8

done8:                                            ; preds = %loop7
  %72 = add nsw i64 %57, 1
  %73 = icmp slt i64 %72, 2
  br i1 %73, label %loop5, label %done6

loop9:                                            ; preds = %done12, %done2
  %74 = phi i64 [ %41, %done2 ], [ %187, %done12 ]
  %75 = sub nsw i64 %74, 0
  %76 = mul nsw i64 %75, 32
  %77 = mul nsw i64 %19, 32
  %78 = add nsw i64 %77, %76
  %79 = mul nsw i64 %75, 16
  %80 = mul nsw i64 %19, 16
  %81 = add nsw i64 %80, %79
  %82 = mul nsw i64 %78, 4
  %83 = getelementptr i8, ptr %7, i64 %82
  %84 = getelementptr i8, ptr %40, i64 0
  %85 = getelementptr i8, ptr %83, i64 0
  %86 = mul nsw i64 %18, 32
  %87 = getelementptr i8, ptr %84, i64 %86
  br label %loop11

done10:                                           ; preds = %done12, %done2
  %88 = add nsw i64 %17, 1
  %89 = icmp slt i64 %88, %2
  br i1 %89, label %loop, label %done

loop11:                                           ; preds = %loop11, %loop9
  %90 = phi i64 [ 0, %loop9 ], [ %185, %loop11 ]
  %91 = add nsw i64 0, %90
  store <16 x float> zeroinitializer, ptr %4, align 64
  %92 = mul nsw i64 %91, 8
  %93 = getelementptr i8, ptr %87, i64 %92
  %94 = getelementptr i8, ptr %85, i64 0
  fence syncscope("singlethread") seq_cst
  %95 = load <16 x float>, ptr %94, align 16
  %96 = load float, ptr %93, align 4
  %.splatinsert = insertelement <16 x float> poison, float %96, i64 0
  %.splat = shufflevector <16 x float> %.splatinsert, <16 x float> poison, <16 x i32> zeroinitializer
  %97 = load <16 x float>, ptr %4, align 64
  %98 = call <16 x float> @llvm.fma.v16f32(<16 x float> %.splat, <16 x float> %95, <16 x float> %97)
  store <16 x float> %98, ptr %4, align 64
  %99 = getelementptr i8, ptr %94, i64 64
  %100 = load <16 x float>, ptr %99, align 16
  %101 = getelementptr i8, ptr %93, i64 4
  %102 = load float, ptr %101, align 4
  %.splatinsert13 = insertelement <16 x float> poison, float %102, i64 0
  %.splat14 = shufflevector <16 x float> %.splatinsert13, <16 x float> poison, <16 x i32> zeroinitializer
  %103 = load <16 x float>, ptr %4, align 64
  %104 = call <16 x float> @llvm.fma.v16f32(<16 x float> %.splat14, <16 x float> %100, <16 x float> %103)
  store <16 x float> %104, ptr %4, align 64
  %105 = mul nsw i64 %18, 16
  %106 = add nsw i64 %105, %81
  %107 = mul nsw i64 %106, 2
  %108 = add nsw i64 %107, 0
  %109 = mul nsw i64 %108, 2
  %110 = add nsw i64 %109, %91
  %111 = load <16 x float>, ptr %4, align 64
  %112 = mul nsw i64 %81, 4
  %113 = getelementptr i8, ptr %13, i64 %112
  %114 = load <16 x float>, ptr %113, align 4
  %115 = mul nsw i64 %81, 4
  %116 = getelementptr i8, ptr %15, i64 %115
  %117 = load <16 x float>, ptr %116, align 4
  %118 = fmul <16 x float> %111, %114
  %119 = fadd <16 x float> %118, %117
  %120 = fcmp ogt <16 x float> zeroinitializer, %119
  %121 = select <16 x i1> %120, <16 x float> zeroinitializer, <16 x float> %119
  %122 = mul nsw i64 %110, 4
  %123 = getelementptr i8, ptr %9, i64 %122
  %124 = extractelement <16 x float> %121, i64 0
  store float %124, ptr %123, align 4
  %125 = add nsw i64 %110, 4
  %126 = mul nsw i64 %125, 4
  %127 = getelementptr i8, ptr %9, i64 %126
  %128 = extractelement <16 x float> %121, i64 1
  store float %128, ptr %127, align 4
  %129 = add nsw i64 %110, 8
  %130 = mul nsw i64 %129, 4
  %131 = getelementptr i8, ptr %9, i64 %130
  %132 = extractelement <16 x float> %121, i64 2
  store float %132, ptr %131, align 4
  %133 = add nsw i64 %110, 12
  %134 = mul nsw i64 %133, 4
  %135 = getelementptr i8, ptr %9, i64 %134
  %136 = extractelement <16 x float> %121, i64 3
  store float %136, ptr %135, align 4
  %137 = add nsw i64 %110, 16
  %138 = mul nsw i64 %137, 4
  %139 = getelementptr i8, ptr %9, i64 %138
  %140 = extractelement <16 x float> %121, i64 4
  store float %140, ptr %139, align 4
  %141 = add nsw i64 %110, 20
  %142 = mul nsw i64 %141, 4
  %143 = getelementptr i8, ptr %9, i64 %142
  %144 = extractelement <16 x float> %121, i64 5
  store float %144, ptr %143, align 4
  %145 = add nsw i64 %110, 24
  %146 = mul nsw i64 %145, 4
  %147 = getelementptr i8, ptr %9, i64 %146
  %148 = extractelement <16 x float> %121, i64 6
  store float %148, ptr %147, align 4
  %149 = add nsw i64 %110, 28
  %150 = mul nsw i64 %149, 4
  %151 = getelementptr i8, ptr %9, i64 %150
  %152 = extractelement <16 x float> %121, i64 7
  store float %152, ptr %151, align 4
  %153 = add nsw i64 %110, 32
  %154 = mul nsw i64 %153, 4
  %155 = getelementptr i8, ptr %9, i64 %154
  %156 = extractelement <16 x float> %121, i64 8
  store float %156, ptr %155, align 4
  %157 = add nsw i64 %110, 36
  %158 = mul nsw i64 %157, 4
  %159 = getelementptr i8, ptr %9, i64 %158
  %160 = extractelement <16 x float> %121, i64 9
  store float %160, ptr %159, align 4
  %161 = add nsw i64 %110, 40
  %162 = mul nsw i64 %161, 4
  %163 = getelementptr i8, ptr %9, i64 %162
  %164 = extractelement <16 x float> %121, i64 10
  store float %164, ptr %163, align 4
  %165 = add nsw i64 %110, 44
  %166 = mul nsw i64 %165, 4
  %167 = getelementptr i8, ptr %9, i64 %166
  %168 = extractelement <16 x float> %121, i64 11
  store float %168, ptr %167, align 4
  %169 = add nsw i64 %110, 48
  %170 = mul nsw i64 %169, 4
  %171 = getelementptr i8, ptr %9, i64 %170
  %172 = extractelement <16 x float> %121, i64 12
  store float %172, ptr %171, align 4
  %173 = add nsw i64 %110, 52
  %174 = mul nsw i64 %173, 4
  %175 = getelementptr i8, ptr %9, i64 %174
  %176 = extractelement <16 x float> %121, i64 13
  store float %176, ptr %175, align 4
  %177 = add nsw i64 %110, 56
  %178 = mul nsw i64 %177, 4
  %179 = getelementptr i8, ptr %9, i64 %178
  %180 = extractelement <16 x float> %121, i64 14
  store float %180, ptr %179, align 4
  %181 = add nsw i64 %110, 60
  %182 = mul nsw i64 %181, 4
  %183 = getelementptr i8, ptr %9, i64 %182
  %184 = extractelement <16 x float> %121, i64 15
  store float %184, ptr %183, align 4
  %185 = add nsw i64 %90, 1
  %186 = icmp slt i64 %185, 4
  br i1 %186, label %loop11, label %done12

done12:                                           ; preds = %loop11
  %187 = add nsw i64 %74, 1
  %188 = icmp slt i64 %187, %42
  br i1 %188, label %loop9, label %done10
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smax.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare <16 x float> @llvm.fma.v16f32(<16 x float>, <16 x float>, <16 x float>) #1

attributes #0 = { nounwind "prefer-vector-width"="512" "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c,+avx512f,+avx512bw,+avx512dq,+avx512vl" "tune-cpu"="skylake-avx512" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
