; ModuleID = 'mb?ic3ih3oc5kh2sh2 dtype=f16 cpu:direct,nv=1,rows=1'
source_filename = "mb?ic3ih3oc5kh2sh2 dtype=f16 cpu:direct,nv=1,rows=1"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

; Function Attrs: nounwind
define void @convoke_kernel(ptr %0, i64 %1, i64 %2, ptr %3) #0 {
entry:
  %4 = alloca <8 x float>, align 32
  %5 = load ptr, ptr %0, align 8
  %6 = getelementptr i8, ptr %0, i64 8
  %7 = load ptr, ptr %6, align 8
  %8 = getelementptr i8, ptr %0, i64 16
  %9 = load ptr, ptr %8, align 8
  %10 = getelementptr i8, ptr %0, i64 24
  %11 = load i64, ptr %10, align 4
  %12 = icmp slt i64 %1, %2
  br i1 %12, label %loop, label %done

loop:                                             ; preds = %done2, %entry
  %13 = phi i64 [ %1, %entry ], [ %34, %done2 ]
  %14 = urem i64 %13, %11
  %15 = udiv i64 %13, %11
  %16 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %17 = add nsw i64 %14, 1
  %18 = call i64 @llvm.smin.i64(i64 %17, i64 %11)
  %19 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %20 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %21 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %22 = icmp slt i64 %21, %20
  br i1 %22, label %loop1, label %done2

done:                                             ; preds = %done2, %entry
  ret void

loop1:                                            ; preds = %done4, %loop
  %23 = phi i64 [ %21, %loop ], [ %38, %done4 ]
  %24 = sub nsw i64 %23, 0
  %25 = mul nsw i64 %24, 96
  %26 = mul nsw i64 %15, 96
  %27 = add nsw i64 %26, %25
  %28 = mul nsw i64 %24, 8
  %29 = mul nsw i64 %15, 5
  %30 = add nsw i64 %29, %28
  %31 = mul nsw i64 %27, 4
  %32 = getelementptr i8, ptr %7, i64 %31
  %33 = icmp slt i64 %14, %18
  br i1 %33, label %loop3, label %done4

done2:                                            ; preds = %done4, %loop
  %34 = add nsw i64 %13, 1
  %35 = icmp slt i64 %34, %2
  br i1 %35, label %loop, label %done

loop3:                                            ; preds = %done6, %loop1
  %36 = phi i64 [ %14, %loop1 ], [ %60, %done6 ]
  store <8 x float> zeroinitializer, ptr %4, align 32
  %37 = mul nsw i64 %15, 3
  br label %loop5

done4:                                            ; preds = %done6, %loop1
  %38 = add nsw i64 %23, 1
  %39 = icmp slt i64 %38, %20
  br i1 %39, label %loop1, label %done2

loop5:                                            ; preds = %done8, %loop3
  %40 = phi i64 [ 0, %loop3 ], [ %78, %done8 ]
  %41 = add nsw i64 0, %40
  br label %loop7

done6:                                            ; preds = %done8
  %42 = add nsw i64 %36, 0
  %43 = add nsw i64 %42, 0
  %44 = mul nsw i64 %43, 5
  %45 = add nsw i64 %44, %30
  %46 = load <8 x float>, ptr %4, align 32
  %47 = mul nsw i64 %45, 2
  %48 = getelementptr i8, ptr %9, i64 %47
  %49 = fptrunc <8 x float> %46 to <8 x half>
  %50 = bitcast <8 x half> %49 to <8 x i16>
  %51 = extractelement <8 x i16> %50, i64 0
  store i16 %51, ptr %48, align 2
  %52 = getelementptr i8, ptr %48, i64 2
  %53 = extractelement <8 x i16> %50, i64 1
  store i16 %53, ptr %52, align 2
  %54 = getelementptr i8, ptr %48, i64 4
  %55 = extractelement <8 x i16> %50, i64 2
  store i16 %55, ptr %54, align 2
  %56 = getelementptr i8, ptr %48, i64 6
  %57 = extractelement <8 x i16> %50, i64 3
  store i16 %57, ptr %56, align 2
  %58 = getelementptr i8, ptr %48, i64 8
  %59 = extractelement <8 x i16> %50, i64 4
  store i16 %59, ptr %58, align 2
  %60 = add nsw i64 %36, 1
  %61 = icmp slt i64 %60, %18
  br i1 %61, label %loop3, label %done4

loop7:                                            ; preds = %done10, %loop5
  %62 = phi i64 [ 0, %loop5 ], [ %95, %done10 ]
  %63 = add nsw i64 0, %62
  %64 = mul nsw i64 %36, 3
  %65 = add nsw i64 %64, %41
  %66 = mul nsw i64 %65, 3
  %67 = add nsw i64 %66, %63
  %68 = mul nsw i64 %67, 3
  %69 = add nsw i64 %68, %37
  %70 = sub nsw i64 %62, 0
  %71 = sub nsw i64 %40, 0
  %72 = mul nsw i64 %71, 2
  %73 = add nsw i64 %72, %70
  %74 = mul nsw i64 %73, 96
  %75 = getelementptr i8, ptr %32, i64 %74
  %76 = mul nsw i64 %69, 2
  %77 = getelementptr i8, ptr %5, i64 %76
  br label %loop9

done8:                                            ; preds = %done10
  %78 = add nsw i64 %40, 1
  %79 = icmp slt i64 %78, 2
  br i1 %79, label %loop5, label %done6

loop9:                                            ; preds = %loop9, %loop7
  %80 = phi i64 [ 0, %loop7 ], [ %93, %loop9 ]
  %81 = mul nsw i64 %80, 2
  %82 = getelementptr i8, ptr %77, i64 %81
  %83 = load i16, ptr %82, align 2
  %84 = insertelement <4 x i16> zeroinitializer, i16 %83, i64 0
  %85 = bitcast <4 x i16> %84 to <4 x half>
  %86 = fpext <4 x half> %85 to <4 x float>
  %87 = extractelement <4 x float> %86, i64 0
  %.splatinsert = insertelement <8 x float> poison, float %87, i64 0
  %.splat = shufflevector <8 x float> %.splatinsert, <8 x float> poison, <8 x i32> zeroinitializer
  %88 = mul nsw i64 %80, 32
  %89 = getelementptr i8, ptr %75, i64 %88
  %90 = load <8 x float>, ptr %89, align 4
  %91 = load <8 x float>, ptr %4, align 32
  %92 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat, <8 x float> %90, <8 x float> %91)
  store <8 x float> %92, ptr %4, align 32
  %93 = add nsw i64 %80, 1
  %94 = icmp slt i64 %93, 3
  br i1 %94, label %loop9, label %done10

done10:                                           ; preds = %loop9
  %95 = add nsw i64 %62, 1
  %96 = icmp slt i64 %95, 2
  br i1 %96, label %loop7, label %done8
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smax.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>) #1

attributes #0 = { nounwind "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c" "tune-cpu"="znver3" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
