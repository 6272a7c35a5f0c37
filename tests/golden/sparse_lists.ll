; ModuleID = 'mb?ic8ih3oc8kh3ph1 sparsity=block:0.5@4x4 cpu:gemm,axis=q,mr=3,nv=1,unroll=1'
source_filename = "mb?ic8ih3oc8kh3ph1 sparsity=block:0.5@4x4 cpu:gemm,axis=q,mr=3,nv=1,unroll=1"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

@pattern = private constant [448 x i8] c"\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\08\00\00\00\10\00\00\00\18\00\00\00\1C\00\00\00 \00\00\00$\00\00\00,\00\00\000\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00 \00\00\00$\00\00\00(\00\00\00,\00\00\000\00\00\004\00\00\008\00\00\00<\00\00\00@\00\00\00D\00\00\00H\00\00\00L\00\00\00P\00\00\00T\00\00\00X\00\00\00\\\00\00\00`\00\00\00d\00\00\00h\00\00\00l\00\00\00p\00\00\00t\00\00\00x\00\00\00|\00\00\00\80\00\00\00\84\00\00\00\88\00\00\00\8C\00\00\00\A0\00\00\00\A4\00\00\00\A8\00\00\00\AC\00\00\00\C0\00\00\00\C4\00\00\00\C8\00\00\00\CC\00\00\00\E0\00\00\00\E4\00\00\00\E8\00\00\00\EC\00\00\00\F0\00\00\00\F4\00\00\00\F8\00\00\00\FC\00\00\00\00\01\00\00\04\01\00\00\08\01\00\00\0C\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00", align 64

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
  %15 = phi i64 [ %1, %entry ], [ %46, %done2 ]
  %16 = urem i64 %15, %13
  %17 = udiv i64 %15, %13
  %18 = call i64 @llvm.smin.i64(i64 3, i64 3)
  %19 = add nsw i64 %16, 1
  %20 = call i64 @llvm.smin.i64(i64 %19, i64 %13)
  %21 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %22 = mul nsw i64 %17, 32
  %23 = getelementptr i8, ptr %7, i64 %22
  %24 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %25 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %26 = icmp slt i64 %24, %25
  br i1 %26, label %loop1, label %done2

done:                                             ; preds = %done2, %entry
  ret void

loop1:                                            ; preds = %done4, %loop
  %27 = phi i64 [ %24, %loop ], [ %64, %done4 ]
  %28 = sub nsw i64 %27, 0
  %29 = mul nsw i64 %28, 576
  %30 = mul nsw i64 %17, 576
  %31 = add nsw i64 %30, %29
  %32 = mul nsw i64 %28, 8
  %33 = mul nsw i64 %17, 8
  %34 = add nsw i64 %33, %32
  %35 = mul nsw i64 %31, 4
  %36 = getelementptr i8, ptr %9, i64 %35
  %37 = add nsw i64 %17, %27
  %38 = mul nsw i64 %37, 8
  %39 = getelementptr i8, ptr @pattern, i64 %38
  %40 = load i64, ptr %39, align 8
  %41 = getelementptr i8, ptr %9, i64 %40
  %42 = mul nsw i64 %37, 10
  %43 = add nsw i64 %42, 0
  %44 = mul nsw i64 %16, 288
  %45 = getelementptr i8, ptr %23, i64 %44
  br label %loop3

done2:                                            ; preds = %done4, %loop
  %46 = add nsw i64 %15, 1
  %47 = icmp slt i64 %46, %2
  br i1 %47, label %loop, label %done

loop3:                                            ; preds = %done6, %loop1
  %48 = phi i64 [ 0, %loop1 ], [ %102, %done6 ]
  %49 = add nsw i64 %48, -1
  %50 = sub nsw i64 0, %49
  %51 = call i64 @llvm.smax.i64(i64 %50, i64 0)
  %52 = call i64 @llvm.smax.i64(i64 %51, i64 0)
  %53 = sub nsw i64 2, %49
  %54 = icmp sge i64 %53, 0
  %55 = call i64 @llvm.smax.i64(i64 %53, i64 0)
  %56 = add nsw i64 %55, 1
  %57 = call i64 @llvm.smin.i64(i64 %56, i64 3)
  %58 = select i1 %54, i64 %57, i64 0
  store <8 x float> zeroinitializer, ptr %6, align 32
  store <8 x float> zeroinitializer, ptr %5, align 32
  store <8 x float> zeroinitializer, ptr %4, align 32
  %59 = add nsw i64 %48, -1
  %60 = mul nsw i64 %59, 96
  %61 = getelementptr i8, ptr %45, i64 %60
  %62 = getelementptr i8, ptr %61, i64 -32
  %63 = icmp slt i64 %52, %58
  br i1 %63, label %loop5, label %done6

done4:                                            ; preds = %done6
  %64 = add nsw i64 %27, 1
  %65 = icmp slt i64 %64, %25
  br i1 %65, label %loop1, label %done2

loop5:                                            ; preds = %done20, %loop3
  %66 = phi i64 [ %52, %loop3 ], [ %204, %done20 ]
  %67 = sub nsw i64 %66, 0
  %68 = mul nsw i64 %67, 3
  %69 = add nsw i64 %68, 1
  %70 = add nsw i64 %43, %69
  %71 = sub nsw i64 %66, 0
  %72 = mul nsw i64 %71, 3
  %73 = add nsw i64 %43, %72
  %74 = mul nsw i64 %73, 4
  %75 = add nsw i64 %74, 64
  %76 = getelementptr i8, ptr @pattern, i64 %75
  %77 = load i32, ptr %76, align 4
  %78 = sext i32 %77 to i64
  %79 = mul nsw i64 %70, 4
  %80 = add nsw i64 %79, 64
  %81 = getelementptr i8, ptr @pattern, i64 %80
  %82 = load i32, ptr %81, align 4
  %83 = sext i32 %82 to i64
  %84 = icmp slt i64 %78, %83
  br i1 %84, label %loop7, label %done8

done6:                                            ; preds = %done20, %loop3
  %85 = mul nsw i64 %16, 3
  %86 = add nsw i64 %85, %48
  %87 = mul nsw i64 %86, 3
  %88 = add nsw i64 %87, 0
  %89 = mul nsw i64 %88, 8
  %90 = add nsw i64 %89, %34
  %91 = load <8 x float>, ptr %6, align 32
  %92 = mul nsw i64 %90, 4
  %93 = getelementptr i8, ptr %11, i64 %92
  store <8 x float> %91, ptr %93, align 4
  %94 = add nsw i64 %90, 8
  %95 = load <8 x float>, ptr %5, align 32
  %96 = mul nsw i64 %94, 4
  %97 = getelementptr i8, ptr %11, i64 %96
  store <8 x float> %95, ptr %97, align 4
  %98 = add nsw i64 %90, 16
  %99 = load <8 x float>, ptr %4, align 32
  %100 = mul nsw i64 %98, 4
  %101 = getelementptr i8, ptr %11, i64 %100
  store <8 x float> %99, ptr %101, align 4
  %102 = add nsw i64 %48, 1
  %103 = icmp slt i64 %102, 3
  br i1 %103, label %loop3, label %done4

loop7:                                            ; preds = %loop7, %loop5
  %104 = phi i64 [ %78, %loop5 ], [ %122, %loop7 ]
  %105 = mul nsw i64 %104, 32
  %106 = getelementptr i8, ptr %41, i64 %105
  fence syncscope("singlethread") seq_cst
  %107 = mul nsw i64 %104, 4
  %108 = add nsw i64 %107, 128
  %109 = getelementptr i8, ptr @pattern, i64 %108
  %110 = load i32, ptr %109, align 4
  %111 = sext i32 %110 to i64
  %112 = getelementptr i8, ptr %62, i64 %111
  %113 = load <8 x float>, ptr %106, align 16
  %114 = getelementptr i8, ptr %112, i64 32
  %115 = load float, ptr %114, align 4
  %.splatinsert = insertelement <8 x float> poison, float %115, i64 0
  %.splat = shufflevector <8 x float> %.splatinsert, <8 x float> poison, <8 x i32> zeroinitializer
  %116 = load <8 x float>, ptr %5, align 32
  %117 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat, <8 x float> %113, <8 x float> %116)
  store <8 x float> %117, ptr %5, align 32
  %118 = getelementptr i8, ptr %112, i64 64
  %119 = load float, ptr %118, align 4
  %.splatinsert9 = insertelement <8 x float> poison, float %119, i64 0
  %.splat10 = shufflevector <8 x float> %.splatinsert9, <8 x float> poison, <8 x i32> zeroinitializer
  %120 = load <8 x float>, ptr %4, align 32
  %121 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat10, <8 x float> %113, <8 x float> %120)
  store <8 x float> %121, ptr %4, align 32
  %122 = add nsw i64 %104, 1
  %123 = icmp slt i64 %122, %83
  br i1 %123, label %loop7, label %done8

done8:                                            ; preds = %loop7, %loop5
  %124 = sub nsw i64 %66, 0
  %125 = mul nsw i64 %124, 3
  %126 = add nsw i64 %125, 2
  %127 = add nsw i64 %43, %126
  %128 = sub nsw i64 %66, 0
  %129 = mul nsw i64 %128, 3
  %130 = add nsw i64 %129, 1
  %131 = add nsw i64 %43, %130
  %132 = mul nsw i64 %131, 4
  %133 = add nsw i64 %132, 64
  %134 = getelementptr i8, ptr @pattern, i64 %133
  %135 = load i32, ptr %134, align 4
  %136 = sext i32 %135 to i64
  %137 = mul nsw i64 %127, 4
  %138 = add nsw i64 %137, 64
  %139 = getelementptr i8, ptr @pattern, i64 %138
  %140 = load i32, ptr %139, align 4
  %141 = sext i32 %140 to i64
  %142 = icmp slt i64 %136, %141
  br i1 %142, label %loop11, label %done12

loop11:                                           ; preds = %loop11, %done8
  %143 = phi i64 [ %136, %done8 ], [ %164, %loop11 ]
  %144 = mul nsw i64 %143, 32
  %145 = getelementptr i8, ptr %41, i64 %144
  fence syncscope("singlethread") seq_cst
  %146 = mul nsw i64 %143, 4
  %147 = add nsw i64 %146, 128
  %148 = getelementptr i8, ptr @pattern, i64 %147
  %149 = load i32, ptr %148, align 4
  %150 = sext i32 %149 to i64
  %151 = getelementptr i8, ptr %62, i64 %150
  %152 = load <8 x float>, ptr %145, align 16
  %153 = load float, ptr %151, align 4
  %.splatinsert13 = insertelement <8 x float> poison, float %153, i64 0
  %.splat14 = shufflevector <8 x float> %.splatinsert13, <8 x float> poison, <8 x i32> zeroinitializer
  %154 = load <8 x float>, ptr %6, align 32
  %155 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat14, <8 x float> %152, <8 x float> %154)
  store <8 x float> %155, ptr %6, align 32
  %156 = getelementptr i8, ptr %151, i64 32
  %157 = load float, ptr %156, align 4
  %.splatinsert15 = insertelement <8 x float> poison, float %157, i64 0
  %.splat16 = shufflevector <8 x float> %.splatinsert15, <8 x float> poison, <8 x i32> zeroinitializer
  %158 = load <8 x float>, ptr %5, align 32
  %159 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat16, <8 x float> %152, <8 x float> %158)
  store <8 x float> %159, ptr %5, align 32
  %160 = getelementptr i8, ptr %151, i64 64
  %161 = load float, ptr %160, align 4
  %.splatinsert17 = insertelement <8 x float> poison, float %161, i64 0
  %.splat18 = shufflevector <8 x float> %.splatinsert17, <8 x float> poison, <8 x i32> zeroinitializer
  %162 = load <8 x float>, ptr %4, align 32
  %163 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat18, <8 x float> %152, <8 x float> %162)
  store <8 x float> %163, ptr %4, align 32
  %164 = add nsw i64 %143, 1
  %165 = icmp slt i64 %164, %141
  br i1 %165, label %loop11, label %done12

done12:                                           ; preds = %loop11, %done8
  %166 = sub nsw i64 %66, 0
  %167 = mul nsw i64 %166, 3
  %168 = add nsw i64 %167, 3
  %169 = add nsw i64 %43, %168
  %170 = sub nsw i64 %66, 0
  %171 = mul nsw i64 %170, 3
  %172 = add nsw i64 %171, 2
  %173 = add nsw i64 %43, %172
  %174 = mul nsw i64 %173, 4
  %175 = add nsw i64 %174, 64
  %176 = getelementptr i8, ptr @pattern, i64 %175
  %177 = load i32, ptr %176, align 4
  %178 = sext i32 %177 to i64
  %179 = mul nsw i64 %169, 4
  %180 = add nsw i64 %179, 64
  %181 = getelementptr i8, ptr @pattern, i64 %180
  %182 = load i32, ptr %181, align 4
  %183 = sext i32 %182 to i64
  %184 = icmp slt i64 %178, %183
  br i1 %184, label %loop19, label %done20

loop19:                                           ; preds = %loop19, %done12
  %185 = phi i64 [ %178, %done12 ], [ %202, %loop19 ]
  %186 = mul nsw i64 %185, 32
  %187 = getelementptr i8, ptr %41, i64 %186
  fence syncscope("singlethread") seq_cst
  %188 = mul nsw i64 %185, 4
  %189 = add nsw i64 %188, 128
  %190 = getelementptr i8, ptr @pattern, i64 %189
  %191 = load i32, ptr %190, align 4
  %192 = sext i32 %191 to i64
  %193 = getelementptr i8, ptr %62, i64 %192
  %194 = load <8 x float>, ptr %187, align 16
  %195 = load float, ptr %193, align 4
  %.splatinsert21 = insertelement <8 x float> poison, float %195, i64 0
  %.splat22 = shufflevector <8 x float> %.splatinsert21, <8 x float> poison, <8 x i32> zeroinitializer
  %196 = load <8 x float>, ptr %6, align 32
  %197 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat22, <8 x float> %194, <8 x float> %196)
  store <8 x float> %197, ptr %6, align 32
  %198 = getelementptr i8, ptr %193, i64 32
  %199 = load float, ptr %198, align 4
  %.splatinsert23 = insertelement <8 x float> poison, float %199, i64 0
  %.splat24 = shufflevector <8 x float> %.splatinsert23, <8 x float> poison, <8 x i32> zeroinitializer
  %200 = load <8 x float>, ptr %5, align 32
  %201 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat24, <8 x float> %194, <8 x float> %200)
  store <8 x float> %201, ptr %5, align 32
  %202 = add nsw i64 %185, 1
  %203 = icmp slt i64 %202, %183
  br i1 %203, label %loop19, label %done20

done20:                                           ; preds = %loop19, %done12
  %204 = add nsw i64 %66, 1
  %205 = icmp slt i64 %204, %58
  br i1 %205, label %loop5, label %done6
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smax.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>) #1

attributes #0 = { nounwind "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c" "tune-cpu"="znver3" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
