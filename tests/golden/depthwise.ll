; ModuleID = 'g8mb?ic8ih3oc8kh3ph1 cpu:depthwise,mr=1,rows=1'
source_filename = "g8mb?ic8ih3oc8kh3ph1 cpu:depthwise,mr=1,rows=1"
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
  %13 = phi i64 [ %1, %entry ], [ %26, %done2 ]
  %14 = urem i64 %13, 3
  %15 = udiv i64 %13, 3
  %16 = urem i64 %15, %11
  %17 = udiv i64 %15, %11
  %18 = add nsw i64 %14, 1
  %19 = call i64 @llvm.smin.i64(i64 %18, i64 3)
  %20 = add nsw i64 %16, 1
  %21 = call i64 @llvm.smin.i64(i64 %20, i64 %11)
  %22 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %23 = icmp slt i64 %16, %21
  br i1 %23, label %loop1, label %done2

done:                                             ; preds = %done2, %entry
  ret void

loop1:                                            ; preds = %done4, %loop
  %24 = phi i64 [ %16, %loop ], [ %42, %done4 ]
  %25 = icmp slt i64 %14, %19
  br i1 %25, label %loop3, label %done4

done2:                                            ; preds = %done4, %loop
  %26 = add nsw i64 %13, 1
  %27 = icmp slt i64 %26, %2
  br i1 %27, label %loop, label %done

loop3:                                            ; preds = %done14, %loop1
  %28 = phi i64 [ %14, %loop1 ], [ %176, %done14 ]
  %29 = add nsw i64 %28, -1
  %30 = sub nsw i64 0, %29
  %31 = call i64 @llvm.smax.i64(i64 %30, i64 0)
  %32 = call i64 @llvm.smax.i64(i64 %31, i64 0)
  %33 = sub nsw i64 2, %29
  %34 = icmp sge i64 %33, 0
  %35 = call i64 @llvm.smax.i64(i64 %33, i64 0)
  %36 = add nsw i64 %35, 1
  %37 = call i64 @llvm.smin.i64(i64 %36, i64 3)
  %38 = select i1 %34, i64 %37, i64 0
  %39 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %40 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %41 = icmp slt i64 %40, %39
  br i1 %41, label %loop5, label %done6

done4:                                            ; preds = %done14, %loop1
  %42 = add nsw i64 %24, 1
  %43 = icmp slt i64 %42, %21
  br i1 %43, label %loop1, label %done2

loop5:                                            ; preds = %done8, %loop3
  %44 = phi i64 [ %40, %loop3 ], [ %99, %done8 ]
  store <8 x float> zeroinitializer, ptr %4, align 32
  %45 = mul nsw i64 %44, 8
  %46 = mul nsw i64 %44, 288
  %47 = getelementptr i8, ptr %7, i64 %46
  %48 = mul nsw i64 %24, 3
  %49 = add nsw i64 %48, %28
  %50 = add nsw i64 %49, -1
  %51 = mul nsw i64 %50, 3
  %52 = add nsw i64 %51, -1
  %53 = mul nsw i64 %52, 8
  %54 = add nsw i64 %53, %45
  %55 = mul nsw i64 %54, 4
  %56 = getelementptr i8, ptr %5, i64 %55
  %57 = icmp slt i64 %32, %38
  br i1 %57, label %loop7, label %done8

done6:                                            ; preds = %done8, %loop3
  %58 = add nsw i64 %28, -1
  %59 = sub nsw i64 0, %58
  %60 = call i64 @llvm.smax.i64(i64 %59, i64 0)
  %61 = call i64 @llvm.smax.i64(i64 %60, i64 0)
  %62 = sub nsw i64 2, %58
  %63 = icmp sge i64 %62, 0
  %64 = call i64 @llvm.smax.i64(i64 %62, i64 0)
  %65 = add nsw i64 %64, 1
  %66 = call i64 @llvm.smin.i64(i64 %65, i64 3)
  %67 = select i1 %63, i64 %66, i64 0
  %68 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %69 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %70 = icmp slt i64 %69, %68
  br i1 %70, label %loop9, label %done10

loop7:                                            ; preds = %loop7, %loop5
  %71 = phi i64 [ %32, %loop5 ], [ %88, %loop7 ]
  %72 = mul nsw i64 %71, 96
  %73 = getelementptr i8, ptr %47, i64 %72
  %74 = mul nsw i64 %71, 96
  %75 = getelementptr i8, ptr %56, i64 %74
  %76 = getelementptr i8, ptr %75, i64 32
  %77 = load <8 x float>, ptr %76, align 4
  %78 = getelementptr i8, ptr %73, i64 32
  %79 = load <8 x float>, ptr %78, align 4
  %80 = load <8 x float>, ptr %4, align 32
  %81 = call <8 x float> @llvm.fma.v8f32(<8 x float> %77, <8 x float> %79, <8 x float> %80)
  store <8 x float> %81, ptr %4, align 32
  %82 = getelementptr i8, ptr %75, i64 64
  %83 = load <8 x float>, ptr %82, align 4
  %84 = getelementptr i8, ptr %73, i64 64
  %85 = load <8 x float>, ptr %84, align 4
  %86 = load <8 x float>, ptr %4, align 32
  %87 = call <8 x float> @llvm.fma.v8f32(<8 x float> %83, <8 x float> %85, <8 x float> %86)
  store <8 x float> %87, ptr %4, align 32
  %88 = add nsw i64 %71, 1
  %89 = icmp slt i64 %88, %38
  br i1 %89, label %loop7, label %done8

done8:                                            ; preds = %loop7, %loop5
  %90 = mul nsw i64 %24, 3
  %91 = add nsw i64 %90, %28
  %92 = mul nsw i64 %91, 3
  %93 = add nsw i64 %92, 0
  %94 = mul nsw i64 %93, 8
  %95 = add nsw i64 %94, %45
  %96 = load <8 x float>, ptr %4, align 32
  %97 = mul nsw i64 %95, 4
  %98 = getelementptr i8, ptr %9, i64 %97
  store <8 x float> %96, ptr %98, align 4
  %99 = add nsw i64 %44, 1
  %100 = icmp slt i64 %99, %39
  br i1 %100, label %loop5, label %done6

loop9:                                            ; preds = %done12, %done6
  %101 = phi i64 [ %69, %done6 ], [ %160, %done12 ]
  store <8 x float> zeroinitializer, ptr %4, align 32
  %102 = mul nsw i64 %101, 8
  %103 = mul nsw i64 %101, 288
  %104 = getelementptr i8, ptr %7, i64 %103
  %105 = mul nsw i64 %24, 3
  %106 = add nsw i64 %105, %28
  %107 = add nsw i64 %106, -1
  %108 = mul nsw i64 %107, 3
  %109 = add nsw i64 %108, 0
  %110 = mul nsw i64 %109, 8
  %111 = add nsw i64 %110, %102
  %112 = mul nsw i64 %111, 4
  %113 = getelementptr i8, ptr %5, i64 %112
  %114 = icmp slt i64 %61, %67
  br i1 %114, label %loop11, label %done12

done10:                                           ; preds = %done12, %done6
  %115 = add nsw i64 %28, -1
  %116 = sub nsw i64 0, %115
  %117 = call i64 @llvm.smax.i64(i64 %116, i64 0)
  %118 = call i64 @llvm.smax.i64(i64 %117, i64 0)
  %119 = sub nsw i64 2, %115
  %120 = icmp sge i64 %119, 0
  %121 = call i64 @llvm.smax.i64(i64 %119, i64 0)
  %122 = add nsw i64 %121, 1
  %123 = call i64 @llvm.smin.i64(i64 %122, i64 3)
  %124 = select i1 %120, i64 %123, i64 0
  %125 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %126 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %127 = icmp slt i64 %126, %125
  br i1 %127, label %loop13, label %done14

loop11:                                           ; preds = %loop11, %loop9
  %128 = phi i64 [ %61, %loop9 ], [ %149, %loop11 ]
  %129 = mul nsw i64 %128, 96
  %130 = getelementptr i8, ptr %104, i64 %129
  %131 = mul nsw i64 %128, 96
  %132 = getelementptr i8, ptr %113, i64 %131
  %133 = load <8 x float>, ptr %132, align 4
  %134 = load <8 x float>, ptr %130, align 4
  %135 = load <8 x float>, ptr %4, align 32
  %136 = call <8 x float> @llvm.fma.v8f32(<8 x float> %133, <8 x float> %134, <8 x float> %135)
  store <8 x float> %136, ptr %4, align 32
  %137 = getelementptr i8, ptr %132, i64 32
  %138 = load <8 x float>, ptr %137, align 4
  %139 = getelementptr i8, ptr %130, i64 32
  %140 = load <8 x float>, ptr %139, align 4
  %141 = load <8 x float>, ptr %4, align 32
  %142 = call <8 x float> @llvm.fma.v8f32(<8 x float> %138, <8 x float> %140, <8 x float> %141)
  store <8 x float> %142, ptr %4, align 32
  %143 = getelementptr i8, ptr %132, i64 64
  %144 = load <8 x float>, ptr %143, align 4
  %145 = getelementptr i8, ptr %130, i64 64
  %146 = load <8 x float>, ptr %145, align 4
  %147 = load <8 x float>, ptr %4, align 32
  %148 = call <8 x float> @llvm.fma.v8f32(<8 x float> %144, <8 x float> %146, <8 x float> %147)
  store <8 x float> %148, ptr %4, align 32
  %149 = add nsw i64 %128, 1
  %150 = icmp slt i64 %149, %67
  br i1 %150, label %loop11, label %done12

done12:                                           ; preds = %loop11, %loop9
  %151 = mul nsw i64 %24, 3
  %152 = add nsw i64 %151, %28
  %153 = mul nsw i64 %152, 3
  %154 = add nsw i64 %153, 1
  %155 = mul nsw i64 %154, 8
  %156 = add nsw i64 %155, %102
  %157 = load <8 x float>, ptr %4, align 32
  %158 = mul nsw i64 %156, 4
  %159 = getelementptr i8, ptr %9, i64 %158
  store <8 x float> %157, ptr %159, align 4
  %160 = add nsw i64 %101, 1
  %161 = icmp slt i64 %160, %68
  br i1 %161, label %loop9, label %done10

loop13:                                           ; preds = %done16, %done10
  %162 = phi i64 [ %126, %done10 ], [ %204, %done16 ]
  store <8 x float> zeroinitializer, ptr %4, align 32
  %163 = mul nsw i64 %162, 8
  %164 = mul nsw i64 %162, 288
  %165 = getelementptr i8, ptr %7, i64 %164
  %166 = mul nsw i64 %24, 3
  %167 = add nsw i64 %166, %28
  %168 = add nsw i64 %167, -1
  %169 = mul nsw i64 %168, 3
  %170 = add nsw i64 %169, 1
  %171 = mul nsw i64 %170, 8
  %172 = add nsw i64 %171, %163
  %173 = mul nsw i64 %172, 4
  %174 = getelementptr i8, ptr %5, i64 %173
  %175 = icmp slt i64 %118, %124
  br i1 %175, label %loop15, label %done16

done14:                                           ; preds = %done16, %done10
  %176 = add nsw i64 %28, 1
  %177 = icmp slt i64 %176, %19
  br i1 %177, label %loop3, label %done4

loop15:                                           ; preds = %loop15, %loop13
  %178 = phi i64 [ %118, %loop13 ], [ %193, %loop15 ]
  %179 = mul nsw i64 %178, 96
  %180 = getelementptr i8, ptr %165, i64 %179
  %181 = mul nsw i64 %178, 96
  %182 = getelementptr i8, ptr %174, i64 %181
  %183 = load <8 x float>, ptr %182, align 4
  %184 = load <8 x float>, ptr %180, align 4
  %185 = load <8 x float>, ptr %4, align 32
  %186 = call <8 x float> @llvm.fma.v8f32(<8 x float> %183, <8 x float> %184, <8 x float> %185)
  store <8 x float> %186, ptr %4, align 32
  %187 = getelementptr i8, ptr %182, i64 32
  %188 = load <8 x float>, ptr %187, align 4
  %189 = getelementptr i8, ptr %180, i64 32
  %190 = load <8 x float>, ptr %189, align 4
  %191 = load <8 x float>, ptr %4, align 32
  %192 = call <8 x float> @llvm.fma.v8f32(<8 x float> %188, <8 x float> %190, <8 x float> %191)
  store <8 x float> %192, ptr %4, align 32
  %193 = add nsw i64 %178, 1
  %194 = icmp slt i64 %193, %124
  br i1 %194, label %loop15, label %done16

done16:                                           ; preds = %loop15, %loop13
  %195 = mul nsw i64 %24, 3
  %196 = add nsw i64 %195, %28
  %197 = mul nsw i64 %196, 3
  %198 = add nsw i64 %197, 2
  %199 = mul nsw i64 %198, 8
  %200 = add nsw i64 %199, %163
  %201 = load <8 x float>, ptr %4, align 32
  %202 = mul nsw i64 %200, 4
  %203 = getelementptr i8, ptr %9, i64 %202
  store <8 x float> %201, ptr %203, align 4
  %204 = add nsw i64 %162, 1
  %205 = icmp slt i64 %204, %125
  br i1 %205, label %loop13, label %done14
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smax.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>) #1

attributes #0 = { nounwind "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c" "tune-cpu"="znver3" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
