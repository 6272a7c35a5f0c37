; ModuleID = 'mb?ic2ih3oc2kh2 sparsity=unstructured:0.5 cpu:sparse,axis=q,mr=2,rows=2,unroll=1'
source_filename = "mb?ic2ih3oc2kh2 sparsity=unstructured:0.5 cpu:sparse,axis=q,mr=2,rows=2,unroll=1"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

@pattern = private constant [192 x i8] c"\00\00\00\00\03\00\00\00\08\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00D\00\00\00\0C\00\00\00P\00\00\00\00\00\00\00\04\00\00\00\0C\00\00\00\10\00\00\00P\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\03\00\00\00\04\00\00\00\07\00\00\00\00\00\00\00\02\00\00\00\04\00\00\00\06\00\00\00\07\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00", align 64

; Function Attrs: nounwind
define void @convoke_kernel(ptr %0, i64 %1, i64 %2, ptr %3) #0 {
entry:
  %4 = alloca float, align 4
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
  %14 = phi i64 [ %1, %entry ], [ %98, %done2 ]
  %15 = urem i64 %14, %12
  %16 = udiv i64 %14, %12
  %17 = call i64 @llvm.smin.i64(i64 2, i64 2)
  %18 = add nsw i64 %15, 1
  %19 = call i64 @llvm.smin.i64(i64 %18, i64 %12)
  %20 = call i64 @llvm.smin.i64(i64 2, i64 2)
  %21 = icmp slt i64 %15, %19
  br i1 %21, label %loop1, label %done2

done:                                             ; preds = %done2, %entry
  ret void

loop1:                                            ; preds = %done8, %loop
  %22 = phi i64 [ %15, %loop ], [ %144, %done8 ]
  %23 = mul nsw i64 %16, 2
  %24 = mul nsw i64 %22, 3
  %25 = add nsw i64 %24, 0
  %26 = mul nsw i64 %25, 3
  %27 = mul nsw i64 %26, 2
  %28 = add nsw i64 %27, %23
  %29 = mul nsw i64 %28, 4
  %30 = getelementptr i8, ptr %6, i64 %29
  %31 = getelementptr i8, ptr %30, i64 0
  %32 = call <8 x float> @llvm.masked.load.v8f32.p0(ptr %31, i32 4, <8 x i1> <i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>, <8 x float> zeroinitializer)
  %33 = getelementptr i8, ptr %31, i64 8
  %34 = call <8 x float> @llvm.masked.load.v8f32.p0(ptr %33, i32 4, <8 x i1> <i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>, <8 x float> zeroinitializer)
  %35 = getelementptr i8, ptr %31, i64 16
  %36 = call <8 x float> @llvm.masked.load.v8f32.p0(ptr %35, i32 4, <8 x i1> <i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>, <8 x float> zeroinitializer)
  %37 = getelementptr i8, ptr %31, i64 24
  %38 = call <8 x float> @llvm.masked.load.v8f32.p0(ptr %37, i32 4, <8 x i1> <i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>, <8 x float> zeroinitializer)
  %39 = getelementptr i8, ptr %31, i64 32
  %40 = call <8 x float> @llvm.masked.load.v8f32.p0(ptr %39, i32 4, <8 x i1> <i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>, <8 x float> zeroinitializer)
  %41 = getelementptr i8, ptr %31, i64 40
  %42 = call <8 x float> @llvm.masked.load.v8f32.p0(ptr %41, i32 4, <8 x i1> <i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>, <8 x float> zeroinitializer)
  %43 = getelementptr i8, ptr %31, i64 48
  %44 = call <8 x float> @llvm.masked.load.v8f32.p0(ptr %43, i32 4, <8 x i1> <i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>, <8 x float> zeroinitializer)
  %45 = getelementptr i8, ptr %31, i64 56
  %46 = call <8 x float> @llvm.masked.load.v8f32.p0(ptr %45, i32 4, <8 x i1> <i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>, <8 x float> zeroinitializer)
  %47 = shufflevector <8 x float> %32, <8 x float> %34, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %48 = shufflevector <8 x float> %32, <8 x float> %34, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %49 = shufflevector <8 x float> %36, <8 x float> %38, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %50 = shufflevector <8 x float> %36, <8 x float> %38, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %51 = shufflevector <8 x float> %47, <8 x float> %49, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %52 = shufflevector <8 x float> %47, <8 x float> %49, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %53 = shufflevector <8 x float> %48, <8 x float> %50, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %54 = shufflevector <8 x float> %48, <8 x float> %50, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %55 = shufflevector <8 x float> %40, <8 x float> %42, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %56 = shufflevector <8 x float> %40, <8 x float> %42, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %57 = shufflevector <8 x float> %44, <8 x float> %46, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %58 = shufflevector <8 x float> %44, <8 x float> %46, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %59 = shufflevector <8 x float> %55, <8 x float> %57, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %60 = shufflevector <8 x float> %55, <8 x float> %57, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %61 = shufflevector <8 x float> %56, <8 x float> %58, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %62 = shufflevector <8 x float> %56, <8 x float> %58, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %63 = shufflevector <8 x float> %51, <8 x float> %59, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %64 = shufflevector <8 x float> %51, <8 x float> %59, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %65 = shufflevector <8 x float> %52, <8 x float> %60, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %66 = shufflevector <8 x float> %52, <8 x float> %60, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %67 = shufflevector <8 x float> %53, <8 x float> %61, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %68 = shufflevector <8 x float> %53, <8 x float> %61, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %69 = shufflevector <8 x float> %54, <8 x float> %62, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %70 = shufflevector <8 x float> %54, <8 x float> %62, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %71 = getelementptr i8, ptr %3, i64 0
  %72 = getelementptr i8, ptr %71, i64 0
  store <8 x float> %63, ptr %72, align 4
  %73 = getelementptr i8, ptr %71, i64 64
  %74 = getelementptr i8, ptr %73, i64 0
  store <8 x float> %65, ptr %74, align 4
  %75 = getelementptr i8, ptr %30, i64 64
  %76 = call <8 x float> @llvm.masked.load.v8f32.p0(ptr %75, i32 4, <8 x i1> <i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>, <8 x float> zeroinitializer)
  %77 = shufflevector <8 x float> %76, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %78 = shufflevector <8 x float> %76, <8 x float> zeroinitializer, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %79 = shufflevector <8 x float> %77, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %80 = shufflevector <8 x float> %77, <8 x float> zeroinitializer, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %81 = shufflevector <8 x float> %78, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %82 = shufflevector <8 x float> %78, <8 x float> zeroinitializer, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %83 = shufflevector <8 x float> %79, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %84 = shufflevector <8 x float> %79, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %85 = shufflevector <8 x float> %80, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %86 = shufflevector <8 x float> %80, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %87 = shufflevector <8 x float> %81, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %88 = shufflevector <8 x float> %81, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %89 = shufflevector <8 x float> %82, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %90 = shufflevector <8 x float> %82, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %91 = getelementptr i8, ptr %3, i64 0
  %92 = getelementptr i8, ptr %91, i64 32
  call void @llvm.masked.store.v8f32.p0(<8 x float> %83, ptr %92, i32 4, <8 x i1> <i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>)
  %93 = getelementptr i8, ptr %91, i64 64
  %94 = getelementptr i8, ptr %93, i64 32
  call void @llvm.masked.store.v8f32.p0(<8 x float> %85, ptr %94, i32 4, <8 x i1> <i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>)
  %95 = getelementptr i8, ptr %3, i64 0
  %96 = add nsw i64 %16, 0
  %97 = mul nsw i64 %96, 2
  br label %loop3

done2:                                            ; preds = %done8, %loop
  %98 = add nsw i64 %14, 1
  %99 = icmp slt i64 %98, %2
  br i1 %99, label %loop, label %done

loop3:                                            ; preds = %done6, %loop1
  %100 = phi i64 [ 0, %loop1 ], [ %133, %done6 ]
  %101 = add nsw i64 %97, %100
  %102 = mul nsw i64 %101, 4
  %103 = getelementptr i8, ptr @pattern, i64 %102
  %104 = load i32, ptr %103, align 4
  %105 = sext i32 %104 to i64
  %106 = mul nsw i64 %101, 4
  %107 = add nsw i64 %106, 4
  %108 = getelementptr i8, ptr @pattern, i64 %107
  %109 = load i32, ptr %108, align 4
  %110 = sext i32 %109 to i64
  %111 = sub nsw i64 %100, 0
  %112 = mul nsw i64 %111, 32
  %113 = add nsw i64 %112, 0
  %114 = add nsw i64 %113, 128
  %115 = getelementptr i8, ptr %3, i64 %114
  store <8 x float> zeroinitializer, ptr %5, align 32
  %116 = icmp slt i64 %105, %110
  br i1 %116, label %loop5, label %done6

done4:                                            ; preds = %done6
  br label %loop7

loop5:                                            ; preds = %loop5, %loop3
  %117 = phi i64 [ %105, %loop3 ], [ %130, %loop5 ]
  %118 = mul nsw i64 %117, 4
  %119 = getelementptr i8, ptr %8, i64 %118
  %120 = mul nsw i64 %117, 4
  %121 = add nsw i64 %120, 64
  %122 = getelementptr i8, ptr @pattern, i64 %121
  %123 = load i32, ptr %122, align 4
  %124 = sext i32 %123 to i64
  %125 = getelementptr i8, ptr %95, i64 %124
  %126 = load float, ptr %119, align 4
  %.splatinsert = insertelement <8 x float> poison, float %126, i64 0
  %.splat = shufflevector <8 x float> %.splatinsert, <8 x float> poison, <8 x i32> zeroinitializer
  %127 = load <8 x float>, ptr %125, align 4
  %128 = load <8 x float>, ptr %5, align 32
  %129 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat, <8 x float> %127, <8 x float> %128)
  store <8 x float> %129, ptr %5, align 32
  %130 = add nsw i64 %117, 1
  %131 = icmp slt i64 %130, %110
  br i1 %131, label %loop5, label %done6

done6:                                            ; preds = %loop5, %loop3
  %132 = load <8 x float>, ptr %5, align 32
  store <8 x float> %132, ptr %115, align 4
  %133 = add nsw i64 %100, 1
  %134 = icmp slt i64 %133, 2
  br i1 %134, label %loop3, label %done4

loop7:                                            ; preds = %endif, %done4
  %135 = phi i64 [ 0, %done4 ], [ %233, %endif ]
  %136 = sub nsw i64 %135, 0
  %137 = mul nsw i64 %136, 3
  %138 = mul nsw i64 %16, 2
  %139 = mul nsw i64 %137, 4
  %140 = add nsw i64 %139, 128
  %141 = getelementptr i8, ptr %3, i64 %140
  %142 = call i64 @llvm.smin.i64(i64 2, i64 0)
  %143 = icmp slt i64 0, %142
  br i1 %143, label %loop9, label %done10

done8:                                            ; preds = %endif
  %144 = add nsw i64 %22, 1
  %145 = icmp slt i64 %144, %19
  br i1 %145, label %loop1, label %done2

loop9:                                            ; preds = %loop9, %loop7
  %146 = phi i64 [ 0, %loop7 ], [ %201, %loop9 ]
  %147 = sub nsw i64 %146, 0
  %148 = mul nsw i64 %147, 32
  %149 = getelementptr i8, ptr %141, i64 %148
  %150 = load <8 x float>, ptr %149, align 4
  %151 = getelementptr i8, ptr %149, i64 32
  %152 = load <8 x float>, ptr %151, align 4
  %153 = getelementptr i8, ptr %149, i64 64
  %154 = load <8 x float>, ptr %153, align 4
  %155 = getelementptr i8, ptr %149, i64 96
  %156 = load <8 x float>, ptr %155, align 4
  %157 = getelementptr i8, ptr %149, i64 128
  %158 = load <8 x float>, ptr %157, align 4
  %159 = getelementptr i8, ptr %149, i64 160
  %160 = load <8 x float>, ptr %159, align 4
  %161 = getelementptr i8, ptr %149, i64 192
  %162 = load <8 x float>, ptr %161, align 4
  %163 = getelementptr i8, ptr %149, i64 224
  %164 = load <8 x float>, ptr %163, align 4
  %165 = shufflevector <8 x float> %150, <8 x float> %152, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %166 = shufflevector <8 x float> %150, <8 x float> %152, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %167 = shufflevector <8 x float> %154, <8 x float> %156, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %168 = shufflevector <8 x float> %154, <8 x float> %156, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %169 = shufflevector <8 x float> %165, <8 x float> %167, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %170 = shufflevector <8 x float> %165, <8 x float> %167, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %171 = shufflevector <8 x float> %166, <8 x float> %168, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %172 = shufflevector <8 x float> %166, <8 x float> %168, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %173 = shufflevector <8 x float> %158, <8 x float> %160, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %174 = shufflevector <8 x float> %158, <8 x float> %160, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %175 = shufflevector <8 x float> %162, <8 x float> %164, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %176 = shufflevector <8 x float> %162, <8 x float> %164, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %177 = shufflevector <8 x float> %173, <8 x float> %175, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %178 = shufflevector <8 x float> %173, <8 x float> %175, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %179 = shufflevector <8 x float> %174, <8 x float> %176, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %180 = shufflevector <8 x float> %174, <8 x float> %176, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %181 = shufflevector <8 x float> %169, <8 x float> %177, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %182 = shufflevector <8 x float> %169, <8 x float> %177, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %183 = shufflevector <8 x float> %170, <8 x float> %178, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %184 = shufflevector <8 x float> %170, <8 x float> %178, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %185 = shufflevector <8 x float> %171, <8 x float> %179, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %186 = shufflevector <8 x float> %171, <8 x float> %179, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %187 = shufflevector <8 x float> %172, <8 x float> %180, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %188 = shufflevector <8 x float> %172, <8 x float> %180, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %189 = add nsw i64 %138, %146
  %190 = mul nsw i64 %22, 2
  %191 = add nsw i64 %190, %135
  %192 = mul nsw i64 %191, 2
  %193 = add nsw i64 %192, 0
  %194 = mul nsw i64 %193, 2
  %195 = add nsw i64 %194, %189
  %196 = mul nsw i64 %195, 4
  %197 = getelementptr i8, ptr %10, i64 %196
  store <8 x float> %181, ptr %197, align 4
  %198 = add nsw i64 %195, 2
  %199 = mul nsw i64 %198, 4
  %200 = getelementptr i8, ptr %10, i64 %199
  store <8 x float> %183, ptr %200, align 4
  %201 = add nsw i64 %146, 8
  %202 = icmp slt i64 %201, %142
  br i1 %202, label %loop9, label %done10

done10:                                           ; preds = %loop9, %loop7
  br i1 true, label %then, label %endif

then:                                             ; preds = %done10
  %203 = getelementptr i8, ptr %141, i64 0
  %204 = load <8 x float>, ptr %203, align 4
  %205 = getelementptr i8, ptr %203, i64 32
  %206 = load <8 x float>, ptr %205, align 4
  %207 = shufflevector <8 x float> %204, <8 x float> %206, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %208 = shufflevector <8 x float> %204, <8 x float> %206, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %209 = shufflevector <8 x float> %207, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %210 = shufflevector <8 x float> %207, <8 x float> zeroinitializer, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %211 = shufflevector <8 x float> %208, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %212 = shufflevector <8 x float> %208, <8 x float> zeroinitializer, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %213 = shufflevector <8 x float> %209, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %214 = shufflevector <8 x float> %209, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %215 = shufflevector <8 x float> %210, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %216 = shufflevector <8 x float> %210, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %217 = shufflevector <8 x float> %211, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %218 = shufflevector <8 x float> %211, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %219 = shufflevector <8 x float> %212, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %220 = shufflevector <8 x float> %212, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %221 = add nsw i64 %138, 0
  %222 = mul nsw i64 %22, 2
  %223 = add nsw i64 %222, %135
  %224 = mul nsw i64 %223, 2
  %225 = add nsw i64 %224, 0
  %226 = mul nsw i64 %225, 2
  %227 = add nsw i64 %226, %221
  %228 = mul nsw i64 %227, 4
  %229 = getelementptr i8, ptr %10, i64 %228
  call void @llvm.masked.store.v8f32.p0(<8 x float> %213, ptr %229, i32 4, <8 x i1> <i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>)
  %230 = add nsw i64 %227, 2
  %231 = mul nsw i64 %230, 4
  %232 = getelementptr i8, ptr %10, i64 %231
  call void @llvm.masked.store.v8f32.p0(<8 x float> %215, ptr %232, i32 4, <8 x i1> <i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>)
  br label %endif

endif:                                            ; preds = %then, %done10
  %233 = add nsw i64 %135, 1
  %234 = icmp slt i64 %233, 2
  br i1 %234, label %loop7, label %done8
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind willreturn memory(argmem: read)
declare <8 x float> @llvm.masked.load.v8f32.p0(ptr nocapture, i32 immarg, <8 x i1>, <8 x float>) #2

; Function Attrs: nocallback nofree nosync nounwind willreturn memory(argmem: write)
declare void @llvm.masked.store.v8f32.p0(<8 x float>, ptr nocapture, i32 immarg, <8 x i1>) #3

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>) #1

attributes #0 = { nounwind "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c" "tune-cpu"="znver3" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
attributes #2 = { nocallback nofree nosync nounwind willreturn memory(argmem: read) }
attributes #3 = { nocallback nofree nosync nounwind willreturn memory(argmem: write) }
