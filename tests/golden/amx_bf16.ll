; ModuleID = 'mb?ic32ih4oc16kh1 dtype=bf16 cpu:amx,axis=q,mr=16,nv=1'
source_filename = "mb?ic32ih4oc16kh1 dtype=bf16 cpu:amx,axis=q,mr=16,nv=1"
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
  %11 = icmp slt i64 %1, %2
  br i1 %11, label %loop, label %done

loop:                                             ; preds = %done2, %entry
  %12 = phi i64 [ %1, %entry ], [ %48, %done2 ]
  %13 = urem i64 %12, %10
  %14 = udiv i64 %12, %10
  %15 = call i64 @llvm.smin.i64(i64 4, i64 4)
  %16 = add nsw i64 %13, 1
  %17 = call i64 @llvm.smin.i64(i64 %16, i64 %10)
  %18 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %19 = mul nsw i64 %14, 64
  %20 = getelementptr i8, ptr %4, i64 %19
  %21 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %22 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %23 = icmp slt i64 %21, %22
  br i1 %23, label %loop1, label %done2

done:                                             ; preds = %done2, %entry
  call void @llvm.x86.tilerelease()
  ret void

loop1:                                            ; preds = %done4, %loop
  %24 = phi i64 [ %21, %loop ], [ %71, %done4 ]
  %25 = sub nsw i64 %24, 0
  %26 = mul nsw i64 %25, 512
  %27 = mul nsw i64 %14, 512
  %28 = add nsw i64 %27, %26
  %29 = mul nsw i64 %25, 16
  %30 = mul nsw i64 %14, 16
  %31 = add nsw i64 %30, %29
  %32 = mul nsw i64 %28, 2
  %33 = getelementptr i8, ptr %6, i64 %32
  call void @llvm.x86.ldtilecfg(ptr getelementptr (i8, ptr @tile_shapes, i64 960))
  call void @llvm.x86.tilezero(i8 0)
  %34 = call i64 @llvm.smin.i64(i64 8, i64 15)
  %35 = mul nsw i64 %13, 1024
  %36 = getelementptr i8, ptr %20, i64 %35
  %37 = getelementptr i8, ptr %36, i64 0
  %38 = getelementptr i8, ptr %33, i64 0
  %39 = mul nsw i64 %34, 64
  %40 = getelementptr i8, ptr %37, i64 0
  %41 = getelementptr i8, ptr %38, i64 0
  call void @llvm.x86.tileloadd64(i8 1, ptr %40, i64 64)
  call void @llvm.x86.tileloadd64(i8 2, ptr %41, i64 64)
  call void @llvm.x86.tdpbf16ps(i8 0, i8 1, i8 2)
  call void @llvm.x86.tilestored64(i8 0, ptr %3, i64 64)
  %42 = mul nsw i64 %13, 4
  %43 = add nsw i64 %42, 0
  %44 = mul nsw i64 %43, 4
  %45 = add nsw i64 %44, 0
  %46 = mul nsw i64 %45, 16
  %47 = add nsw i64 %46, %31
  br label %loop3

done2:                                            ; preds = %done4, %loop
  %48 = add nsw i64 %12, 1
  %49 = icmp slt i64 %48, %2
  br i1 %49, label %loop, label %done

loop3:                                            ; preds = %loop3, %loop1
  %50 = phi i64 [ 0, %loop1 ], [ %69, %loop3 ]
  %51 = mul nsw i64 %50, 64
  %52 = getelementptr i8, ptr %3, i64 %51
  %53 = mul nsw i64 %50, 16
  %54 = add nsw i64 %47, %53
  %55 = load <16 x float>, ptr %52, align 4
  %56 = mul nsw i64 %54, 2
  %57 = getelementptr i8, ptr %8, i64 %56
  %58 = bitcast <16 x float> %55 to <16 x i32>
  %59 = lshr <16 x i32> %58, <i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16>
  %60 = and <16 x i32> %59, <i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1, i32 1>
  %61 = add <16 x i32> %58, <i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767, i32 32767>
  %62 = add <16 x i32> %61, %60
  %63 = lshr <16 x i32> %62, <i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16>
  %64 = lshr <16 x i32> %58, <i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16, i32 16>
  %65 = or <16 x i32> %64, <i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64, i32 64>
  %66 = fcmp uno <16 x float> %55, %55
  %67 = select <16 x i1> %66, <16 x i32> %65, <16 x i32> %63
  %68 = trunc <16 x i32> %67 to <16 x i16>
  store <16 x i16> %68, ptr %57, align 2
  %69 = add nsw i64 %50, 1
  %70 = icmp slt i64 %69, 16
  br i1 %70, label %loop3, label %done4

done4:                                            ; preds = %loop3
  %71 = add nsw i64 %24, 1
  %72 = icmp slt i64 %71, %22
  br i1 %72, label %loop1, label %done2
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
declare void @llvm.x86.tdpbf16ps(i8 immarg, i8 immarg, i8 immarg) #2

; Function Attrs: nounwind
declare void @llvm.x86.tilestored64(i8 immarg, ptr, i64) #2

; Function Attrs: nounwind
declare void @llvm.x86.tilerelease() #2

attributes #0 = { nounwind "prefer-vector-width"="512" "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c,+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512bf16,+avx512vnni,+amx-tile,+amx-bf16,+amx-int8" "tune-cpu"="sapphirerapids" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
attributes #2 = { nounwind }
