; ModuleID = 'mb?ic64ih4oc16kh1 dtype=u8 quant=zp cpu:amx,axis=q,mr=16,nv=1'
source_filename = "mb?ic64ih4oc16kh1 dtype=u8 quant=zp cpu:amx,axis=q,mr=16,nv=1"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

@tile_shapes = private constant [1024 x i8] c"\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\01\01\10\10\10\10\10\10\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\02\02\10\10\10\10\10\10\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\03\03\10\10\10\10\10\10\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\04\04\10\10\10\10\10\10\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\05\05\10\10\10\10\10\10\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\06\06\10\10\10\10\10\10\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\07\07\10\10\10\10\10\10\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\08\08\10\10\10\10\10\10\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\09\09\10\10\10\10\10\10\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\0A\0A\10\10\10\10\10\10\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\0B\0B\10\10\10\10\10\10\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\0C\0C\10\10\10\10\10\10\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\0D\0D\10\10\10\10\10\10\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\0E\0E\10\10\10\10\10\10\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\0F\0F\10\10\10\10\10\10\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00@\00@\00@\00@\00@\00@\00@\00@\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\10\10\10\10\10\10\10\10\00\00\00\00\00\00\00\00", align 64

; Function Attrs: nounwind
define void @convoke_kernel(ptr %0, i64 %1, i64 %2, ptr %3) #0 {
entry:
  %4 = load ptr, ptr %0, align 8
  %5 = getelementptr i8, ptr %0, i64 8
  %6 = load ptr, ptr %5, align 8
  %7 = getelementptr i8, ptr %0, i64 16
  %8 = load ptr, ptr %7, align 8
  %9 = getelementptr i8, ptr %0, i64 24
  %10 = load i64, ptr %9, align 4
  %11 = getelementptr i8, ptr %0, i64 104
  %12 = load i64, ptr %11, align 4
  %13 = icmp slt i64 %1, %2
  br i1 %13, label %loop, label %done

loop:                                             ; preds = %done2, %entry
  %14 = phi i64 [ %1, %entry ], [ %69, %done2 ]
  %15 = urem i64 %14, %10
  %16 = udiv i64 %14, %10
  %17 = call i64 @llvm.smin.i64(i64 4, i64 4)
  %18 = add nsw i64 %15, 1
  %19 = call i64 @llvm.smin.i64(i64 %18, i64 %10)
  %20 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %21 = mul nsw i64 %16, 64
  %22 = getelementptr i8, ptr %4, i64 %21
  %23 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %24 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %25 = icmp slt i64 %23, %24
  br i1 %25, label %loop1, label %done2

done:                                             ; preds = %done2, %entry
  call void @llvm.x86.tilerelease()
  ret void

loop1:                                            ; preds = %done4, %loop
  %26 = phi i64 [ %23, %loop ], [ %91, %done4 ]
  %27 = sub nsw i64 %26, 0
  %28 = mul nsw i64 %27, 1024
  %29 = mul nsw i64 %16, 1024
  %30 = add nsw i64 %29, %28
  %31 = mul nsw i64 %27, 16
  %32 = mul nsw i64 %16, 16
  %33 = add nsw i64 %32, %31
  %34 = getelementptr i8, ptr %6, i64 %30
  %35 = mul nsw i64 %16, 16
  %36 = sub nsw i64 %33, %35
  %37 = mul nsw i64 %36, 4
  %38 = mul nsw i64 %16, 256
  %39 = add nsw i64 %38, %37
  %40 = add nsw i64 %39, 1024
  %41 = getelementptr i8, ptr %6, i64 %40
  call void @llvm.x86.ldtilecfg(ptr getelementptr (i8, ptr @tile_shapes, i64 960))
  call void @llvm.x86.tilezero(i8 0)
  %42 = call i64 @llvm.smin.i64(i64 8, i64 15)
  %43 = mul nsw i64 %15, 1024
  %44 = getelementptr i8, ptr %22, i64 %43
  %45 = getelementptr i8, ptr %44, i64 0
  %46 = getelementptr i8, ptr %34, i64 0
  %47 = mul nsw i64 %42, 64
  %48 = getelementptr i8, ptr %45, i64 0
  %49 = getelementptr i8, ptr %46, i64 0
  call void @llvm.x86.tileloadd64(i8 1, ptr %48, i64 64)
  call void @llvm.x86.tileloadd64(i8 2, ptr %49, i64 64)
  call void @llvm.x86.tdpbusd(i8 0, i8 1, i8 2)
  %50 = call i64 @llvm.smin.i64(i64 0, i64 1)
  %51 = call i64 @llvm.smin.i64(i64 0, i64 1)
  %52 = call i64 @llvm.smax.i64(i64 %50, i64 1)
  %53 = call i64 @llvm.smax.i64(i64 %51, i64 1)
  %54 = mul nsw i64 %53, 64
  %55 = mul nsw i64 %52, 128
  %56 = add nsw i64 %55, %54
  %57 = getelementptr i8, ptr %41, i64 %56
  %58 = load <16 x i32>, ptr %57, align 4
  %59 = add i64 0, %12
  %60 = sub i64 0, %59
  %61 = trunc i64 %60 to i32
  %.splatinsert = insertelement <16 x i32> poison, i32 %61, i64 0
  %.splat = shufflevector <16 x i32> %.splatinsert, <16 x i32> poison, <16 x i32> zeroinitializer
  %62 = mul <16 x i32> %58, %.splat
  call void @llvm.x86.tilestored64(i8 0, ptr %3, i64 64)
  %63 = mul nsw i64 %15, 4
  %64 = add nsw i64 %63, 0
  %65 = mul nsw i64 %64, 4
  %66 = add nsw i64 %65, 0
  %67 = mul nsw i64 %66, 16
  %68 = add nsw i64 %67, %33
  br label %loop3

done2:                                            ; preds = %done4, %loop
  %69 = add nsw i64 %14, 1
  %70 = icmp slt i64 %69, %2
  br i1 %70, label %loop, label %done

loop3:                                            ; preds = %loop3, %loop1
  %71 = phi i64 [ 0, %loop1 ], [ %89, %loop3 ]
  %72 = mul nsw i64 %71, 64
  %73 = getelementptr i8, ptr %3, i64 %72
  %74 = mul nsw i64 %71, 16
  %75 = add nsw i64 %68, %74
  %76 = load <16 x i32>, ptr %73, align 4
  %77 = add <16 x i32> %76, %62
  %78 = sitofp <16 x i32> %77 to <16 x float>
  %79 = getelementptr i8, ptr %8, i64 %75
  %80 = fcmp uno <16 x float> %78, %78
  %81 = select <16 x i1> %80, <16 x float> zeroinitializer, <16 x float> %78
  %82 = fcmp olt <16 x float> %81, zeroinitializer
  %83 = select <16 x i1> %82, <16 x float> zeroinitializer, <16 x float> %81
  %84 = fcmp ogt <16 x float> %83, <float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02>
  %85 = select <16 x i1> %84, <16 x float> <float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02, float 2.550000e+02>, <16 x float> %83
  %86 = fadd <16 x float> %85, <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %87 = bitcast <16 x float> %86 to <16 x i32>
  %88 = trunc <16 x i32> %87 to <16 x i8>
  store <16 x i8> %88, ptr %79, align 1
  %89 = add nsw i64 %71, 1
  %90 = icmp slt i64 %89, 16
  br i1 %90, label %loop3, label %done4

done4:                                            ; preds = %loop3
  %91 = add nsw i64 %26, 1
  %92 = icmp slt i64 %91, %24
  br i1 %92, label %loop1, label %done2
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smax.i64(i64, i64) #1

; Function Attrs: nounwind
declare void @llvm.x86.ldtilecfg(ptr) #2

; Function Attrs: nounwind
declare void @llvm.x86.tilezero(i8 immarg) #2

; Function Attrs: nounwind
declare void @llvm.x86.tileloadd64(i8 immarg, ptr, i64) #2

; Function Attrs: nounwind
declare void @llvm.x86.tdpbusd(i8 immarg, i8 immarg, i8 immarg) #2

; Function Attrs: nounwind
declare void @llvm.x86.tilestored64(i8 immarg, ptr, i64) #2

; Function Attrs: nounwind
declare void @llvm.x86.tilerelease() #2

attributes #0 = { nounwind "prefer-vector-width"="512" "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c,+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512bf16,+avx512vnni,+amx-tile,+amx-bf16,+amx-int8" "tune-cpu"="sapphirerapids" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
attributes #2 = { nounwind }
