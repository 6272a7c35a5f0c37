; ModuleID = 'mb?ic1ih3oc2kh2ph1 sparsity=unstructured:0.3 cpu:sparse,axis=q,mr=2,rows=2'
source_filename = "mb?ic1ih3oc2kh2ph1 sparsity=unstructured:0.3 cpu:sparse,axis=q,mr=2,rows=2"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

@pattern = private constant [192 x i8] c"\00\00\00\00\01\00\00\00\02\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00(\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\03\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00", align 64

; Function Attrs: nounwind
define void @convoke_kernel(ptr %0, i64 %1, i64 %2, ptr %3) #0 {
entry:
  %4 = alloca float, align 4
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
  %15 = phi i64 [ %1, %entry ], [ %33, %done2 ]
  %16 = urem i64 %15, 2
  %17 = udiv i64 %15, 2
  %18 = urem i64 %17, %13
  %19 = udiv i64 %17, %13
  %20 = mul nsw i64 %16, 2
  %21 = add nsw i64 %20, 2
  %22 = call i64 @llvm.smin.i64(i64 %21, i64 4)
  %23 = add nsw i64 %18, 1
  %24 = call i64 @llvm.smin.i64(i64 %23, i64 %13)
  %25 = call i64 @llvm.smin.i64(i64 2, i64 2)
  %26 = icmp slt i64 %18, %24
  br i1 %26, label %loop1, label %done2

done:                                             ; preds = %done2, %entry
  ret void

loop1:                                            ; preds = %done6, %loop
  %27 = phi i64 [ %18, %loop ], [ %115, %done6 ]
  %28 = add nsw i64 %20, -1
  %29 = add nsw i64 %22, -1
  %30 = sub nsw i64 %29, %20
  %31 = add nsw i64 %30, 2
  %32 = icmp slt i64 0, %31
  br i1 %32, label %loop3, label %done4

done2:                                            ; preds = %done6, %loop
  %33 = add nsw i64 %15, 1
  %34 = icmp slt i64 %33, %2
  br i1 %34, label %loop, label %done

loop3:                                            ; preds = %endif, %loop1
  %35 = phi i64 [ 0, %loop1 ], [ %79, %endif ]
  %36 = add nsw i64 %28, %35
  %37 = mul nsw i64 %35, 36
  %38 = getelementptr i8, ptr %3, i64 %37
  %39 = icmp ult i64 %36, 3
  br i1 %39, label %then, label %else

done4:                                            ; preds = %endif, %loop1
  %40 = icmp slt i64 %20, %22
  br i1 %40, label %loop5, label %done6

then:                                             ; preds = %loop3
  %41 = getelementptr i8, ptr %38, i64 0
  %42 = getelementptr i8, ptr %41, i64 0
  call void @llvm.masked.store.v8f32.p0(<8 x float> zeroinitializer, ptr %42, i32 4, <8 x i1> <i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>)
  %43 = getelementptr i8, ptr %38, i64 0
  %44 = getelementptr i8, ptr %43, i64 16
  call void @llvm.masked.store.v8f32.p0(<8 x float> zeroinitializer, ptr %44, i32 4, <8 x i1> <i1 true, i1 true, i1 true, i1 true, i1 true, i1 false, i1 false, i1 false>)
  %45 = mul nsw i64 %27, 3
  %46 = add nsw i64 %45, %36
  %47 = mul nsw i64 %46, 3
  %48 = add nsw i64 %47, %19
  %49 = getelementptr i8, ptr %38, i64 4
  %50 = mul nsw i64 %48, 4
  %51 = getelementptr i8, ptr %7, i64 %50
  %52 = getelementptr i8, ptr %51, i64 0
  %53 = call <8 x float> @llvm.masked.load.v8f32.p0(ptr %52, i32 4, <8 x i1> <i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>, <8 x float> zeroinitializer)
  %54 = getelementptr i8, ptr %52, i64 4
  %55 = call <8 x float> @llvm.masked.load.v8f32.p0(ptr %54, i32 4, <8 x i1> <i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>, <8 x float> zeroinitializer)
  %56 = getelementptr i8, ptr %52, i64 8
  %57 = call <8 x float> @llvm.masked.load.v8f32.p0(ptr %56, i32 4, <8 x i1> <i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>, <8 x float> zeroinitializer)
  %58 = shufflevector <8 x float> %53, <8 x float> %55, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %59 = shufflevector <8 x float> %53, <8 x float> %55, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %60 = shufflevector <8 x float> %57, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %61 = shufflevector <8 x float> %57, <8 x float> zeroinitializer, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %62 = shufflevector <8 x float> %58, <8 x float> %60, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %63 = shufflevector <8 x float> %58, <8 x float> %60, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %64 = shufflevector <8 x float> %59, <8 x float> %61, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %65 = shufflevector <8 x float> %59, <8 x float> %61, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %66 = shufflevector <8 x float> %62, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %67 = shufflevector <8 x float> %62, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %68 = shufflevector <8 x float> %63, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %69 = shufflevector <8 x float> %63, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %70 = shufflevector <8 x float> %64, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %71 = shufflevector <8 x float> %64, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %72 = shufflevector <8 x float> %65, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %73 = shufflevector <8 x float> %65, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %74 = getelementptr i8, ptr %49, i64 0
  %75 = getelementptr i8, ptr %74, i64 0
  call void @llvm.masked.store.v8f32.p0(<8 x float> %66, ptr %75, i32 4, <8 x i1> <i1 true, i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false>)
  br label %endif

else:                                             ; preds = %loop3
  %76 = getelementptr i8, ptr %38, i64 0
  %77 = getelementptr i8, ptr %76, i64 0
  store <8 x float> zeroinitializer, ptr %77, align 4
  %78 = getelementptr i8, ptr %76, i64 32
  call void @llvm.masked.store.v8f32.p0(<8 x float> zeroinitializer, ptr %78, i32 4, <8 x i1> <i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>)
  br label %endif

endif:                                            ; preds = %else, %then
  %79 = add nsw i64 %35, 1
  %80 = icmp slt i64 %79, %31
  br i1 %80, label %loop3, label %done4

loop5:                                            ; preds = %done22, %done4
  %81 = phi i64 [ %20, %done4 ], [ %200, %done22 ]
  %82 = sub nsw i64 %81, %20
  %83 = mul nsw i64 %82, 9
  %84 = add nsw i64 %83, 0
  %85 = mul nsw i64 %84, 4
  %86 = getelementptr i8, ptr %3, i64 %85
  %87 = getelementptr i8, ptr %3, i64 192
  store <8 x float> zeroinitializer, ptr %6, align 32
  store <8 x float> zeroinitializer, ptr %5, align 32
  fence syncscope("singlethread") seq_cst
  %88 = getelementptr i8, ptr %86, i64 40
  %89 = load float, ptr %9, align 4
  %.splatinsert = insertelement <8 x float> poison, float %89, i64 0
  %.splat = shufflevector <8 x float> %.splatinsert, <8 x float> poison, <8 x i32> zeroinitializer
  %90 = load <8 x float>, ptr %88, align 4
  %91 = load <8 x float>, ptr %6, align 32
  %92 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat, <8 x float> %90, <8 x float> %91)
  store <8 x float> %92, ptr %6, align 32
  %93 = getelementptr i8, ptr %88, i64 36
  %94 = load <8 x float>, ptr %93, align 4
  %95 = load <8 x float>, ptr %5, align 32
  %96 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat, <8 x float> %94, <8 x float> %95)
  store <8 x float> %96, ptr %5, align 32
  %97 = load <8 x float>, ptr %6, align 32
  store <8 x float> %97, ptr %87, align 4
  %98 = getelementptr i8, ptr %87, i64 32
  %99 = load <8 x float>, ptr %5, align 32
  store <8 x float> %99, ptr %98, align 4
  %100 = getelementptr i8, ptr %3, i64 256
  store <8 x float> zeroinitializer, ptr %6, align 32
  store <8 x float> zeroinitializer, ptr %5, align 32
  fence syncscope("singlethread") seq_cst
  %101 = getelementptr i8, ptr %9, i64 4
  %102 = load float, ptr %101, align 4
  %.splatinsert7 = insertelement <8 x float> poison, float %102, i64 0
  %.splat8 = shufflevector <8 x float> %.splatinsert7, <8 x float> poison, <8 x i32> zeroinitializer
  %103 = load <8 x float>, ptr %86, align 4
  %104 = load <8 x float>, ptr %6, align 32
  %105 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat8, <8 x float> %103, <8 x float> %104)
  store <8 x float> %105, ptr %6, align 32
  %106 = getelementptr i8, ptr %86, i64 36
  %107 = load <8 x float>, ptr %106, align 4
  %108 = load <8 x float>, ptr %5, align 32
  %109 = call <8 x float> @llvm.fma.v8f32(<8 x float> %.splat8, <8 x float> %107, <8 x float> %108)
  store <8 x float> %109, ptr %5, align 32
  %110 = load <8 x float>, ptr %6, align 32
  store <8 x float> %110, ptr %100, align 4
  %111 = getelementptr i8, ptr %100, i64 32
  %112 = load <8 x float>, ptr %5, align 32
  store <8 x float> %112, ptr %111, align 4
  %113 = add nsw i64 %19, 0
  %114 = mul nsw i64 %113, 2
  br label %loop9

done6:                                            ; preds = %done22, %done4
  %115 = add nsw i64 %27, 1
  %116 = icmp slt i64 %115, %24
  br i1 %116, label %loop1, label %done2

loop9:                                            ; preds = %endif12, %loop5
  %117 = phi i64 [ 0, %loop5 ], [ %142, %endif12 ]
  %118 = add nsw i64 %114, %117
  %119 = mul nsw i64 %118, 4
  %120 = getelementptr i8, ptr @pattern, i64 %119
  %121 = load i32, ptr %120, align 4
  %122 = sext i32 %121 to i64
  %123 = mul nsw i64 %118, 4
  %124 = add nsw i64 %123, 4
  %125 = getelementptr i8, ptr @pattern, i64 %124
  %126 = load i32, ptr %125, align 4
  %127 = sext i32 %126 to i64
  %128 = sub nsw i64 %117, 0
  %129 = mul nsw i64 %128, 64
  %130 = add nsw i64 %129, 192
  %131 = getelementptr i8, ptr %3, i64 %130
  %132 = getelementptr i8, ptr %9, i64 8
  %133 = mul nsw i64 %19, 2
  %134 = add nsw i64 %133, %117
  %135 = mul nsw i64 %134, 4
  %136 = getelementptr i8, ptr %132, i64 %135
  %137 = load i32, ptr %136, align 4
  %138 = icmp ne i32 %137, 0
  br i1 %138, label %then11, label %endif12

done10:                                           ; preds = %endif12
  %139 = add nsw i64 %81, 2
  %140 = call i64 @llvm.smin.i64(i64 %139, i64 %22)
  %141 = icmp slt i64 %81, %140
  br i1 %141, label %loop21, label %done22

then11:                                           ; preds = %loop9
  br label %loop13

endif12:                                          ; preds = %done14, %loop9
  %142 = add nsw i64 %117, 1
  %143 = icmp slt i64 %142, 2
  br i1 %143, label %loop9, label %done10

loop13:                                           ; preds = %done16, %then11
  %144 = phi i64 [ 0, %then11 ], [ %159, %done16 ]
  br label %loop15

done14:                                           ; preds = %done16
  br label %endif12

loop15:                                           ; preds = %done18, %loop13
  %145 = phi i64 [ 0, %loop13 ], [ %175, %done18 ]
  %146 = mul nsw i64 %144, 8
  %147 = add nsw i64 %146, %145
  %148 = mul nsw i64 %147, 4
  %149 = getelementptr i8, ptr %131, i64 %148
  store float 0.000000e+00, ptr %4, align 4
  %150 = add nsw i64 %81, %144
  %151 = add nsw i64 0, %145
  %152 = add nsw i64 %150, -1
  %153 = add nsw i64 %151, -1
  %154 = mul nsw i64 %144, 9
  %155 = add nsw i64 %154, %145
  %156 = mul nsw i64 %155, 4
  %157 = getelementptr i8, ptr %86, i64 %156
  %158 = icmp slt i64 %122, %127
  br i1 %158, label %loop17, label %done18

done16:                                           ; preds = %done18
  %159 = add nsw i64 %144, 1
  %160 = icmp slt i64 %159, 2
  br i1 %160, label %loop13, label %done14

loop17:                                           ; preds = %endif20, %loop15
  %161 = phi i64 [ %122, %loop15 ], [ %189, %endif20 ]
  %162 = mul nsw i64 %161, 4
  %163 = add nsw i64 %162, 128
  %164 = getelementptr i8, ptr @pattern, i64 %163
  %165 = load i32, ptr %164, align 4
  %166 = sext i32 %165 to i64
  %167 = udiv i64 %166, 2
  %168 = add nsw i64 %152, %167
  %169 = urem i64 %166, 2
  %170 = add nsw i64 %153, %169
  %171 = icmp ult i64 %170, 3
  %172 = icmp ult i64 %168, 3
  %173 = and i1 %172, %171
  br i1 %173, label %then19, label %endif20

done18:                                           ; preds = %endif20, %loop15
  %174 = load float, ptr %4, align 4
  store float %174, ptr %149, align 4
  %175 = add nsw i64 %145, 1
  %176 = icmp slt i64 %175, 8
  br i1 %176, label %loop15, label %done16

then19:                                           ; preds = %loop17
  %177 = mul nsw i64 %161, 4
  %178 = add nsw i64 %177, 64
  %179 = getelementptr i8, ptr @pattern, i64 %178
  %180 = load i32, ptr %179, align 4
  %181 = sext i32 %180 to i64
  %182 = getelementptr i8, ptr %157, i64 %181
  %183 = load float, ptr %182, align 4
  %184 = mul nsw i64 %161, 4
  %185 = getelementptr i8, ptr %9, i64 %184
  %186 = load float, ptr %185, align 4
  %187 = load float, ptr %4, align 4
  %188 = call float @llvm.fma.f32(float %186, float %183, float %187)
  store float %188, ptr %4, align 4
  br label %endif20

endif20:                                          ; preds = %then19, %loop17
  %189 = add nsw i64 %161, 1
  %190 = icmp slt i64 %189, %127
  br i1 %190, label %loop17, label %done18

loop21:                                           ; preds = %endif26, %done10
  %191 = phi i64 [ %81, %done10 ], [ %301, %endif26 ]
  %192 = sub nsw i64 %191, %81
  %193 = mul nsw i64 %192, 8
  %194 = mul nsw i64 %19, 2
  %195 = mul nsw i64 %193, 4
  %196 = add nsw i64 %195, 192
  %197 = getelementptr i8, ptr %3, i64 %196
  %198 = call i64 @llvm.smin.i64(i64 2, i64 0)
  %199 = icmp slt i64 0, %198
  br i1 %199, label %loop23, label %done24

done22:                                           ; preds = %endif26, %done10
  %200 = add nsw i64 %81, 2
  %201 = icmp slt i64 %200, %22
  br i1 %201, label %loop5, label %done6

loop23:                                           ; preds = %loop23, %loop21
  %202 = phi i64 [ 0, %loop21 ], [ %263, %loop23 ]
  %203 = sub nsw i64 %202, 0
  %204 = mul nsw i64 %203, 64
  %205 = getelementptr i8, ptr %197, i64 %204
  %206 = load <8 x float>, ptr %205, align 4
  %207 = getelementptr i8, ptr %205, i64 64
  %208 = load <8 x float>, ptr %207, align 4
  %209 = getelementptr i8, ptr %205, i64 128
  %210 = load <8 x float>, ptr %209, align 4
  %211 = getelementptr i8, ptr %205, i64 192
  %212 = load <8 x float>, ptr %211, align 4
  %213 = getelementptr i8, ptr %205, i64 256
  %214 = load <8 x float>, ptr %213, align 4
  %215 = getelementptr i8, ptr %205, i64 320
  %216 = load <8 x float>, ptr %215, align 4
  %217 = getelementptr i8, ptr %205, i64 384
  %218 = load <8 x float>, ptr %217, align 4
  %219 = getelementptr i8, ptr %205, i64 448
  %220 = load <8 x float>, ptr %219, align 4
  %221 = shufflevector <8 x float> %206, <8 x float> %208, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %222 = shufflevector <8 x float> %206, <8 x float> %208, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %223 = shufflevector <8 x float> %210, <8 x float> %212, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %224 = shufflevector <8 x float> %210, <8 x float> %212, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %225 = shufflevector <8 x float> %221, <8 x float> %223, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %226 = shufflevector <8 x float> %221, <8 x float> %223, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %227 = shufflevector <8 x float> %222, <8 x float> %224, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %228 = shufflevector <8 x float> %222, <8 x float> %224, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %229 = shufflevector <8 x float> %214, <8 x float> %216, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %230 = shufflevector <8 x float> %214, <8 x float> %216, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %231 = shufflevector <8 x float> %218, <8 x float> %220, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %232 = shufflevector <8 x float> %218, <8 x float> %220, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %233 = shufflevector <8 x float> %229, <8 x float> %231, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %234 = shufflevector <8 x float> %229, <8 x float> %231, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %235 = shufflevector <8 x float> %230, <8 x float> %232, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %236 = shufflevector <8 x float> %230, <8 x float> %232, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %237 = shufflevector <8 x float> %225, <8 x float> %233, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %238 = shufflevector <8 x float> %225, <8 x float> %233, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %239 = shufflevector <8 x float> %226, <8 x float> %234, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %240 = shufflevector <8 x float> %226, <8 x float> %234, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %241 = shufflevector <8 x float> %227, <8 x float> %235, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %242 = shufflevector <8 x float> %227, <8 x float> %235, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %243 = shufflevector <8 x float> %228, <8 x float> %236, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %244 = shufflevector <8 x float> %228, <8 x float> %236, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %245 = add nsw i64 %194, %202
  %246 = mul nsw i64 %27, 4
  %247 = add nsw i64 %246, %191
  %248 = mul nsw i64 %247, 4
  %249 = add nsw i64 %248, 0
  %250 = mul nsw i64 %249, 2
  %251 = add nsw i64 %250, %245
  %252 = mul nsw i64 %251, 4
  %253 = getelementptr i8, ptr %11, i64 %252
  store <8 x float> %237, ptr %253, align 4
  %254 = add nsw i64 %251, 2
  %255 = mul nsw i64 %254, 4
  %256 = getelementptr i8, ptr %11, i64 %255
  store <8 x float> %239, ptr %256, align 4
  %257 = add nsw i64 %251, 4
  %258 = mul nsw i64 %257, 4
  %259 = getelementptr i8, ptr %11, i64 %258
  store <8 x float> %241, ptr %259, align 4
  %260 = add nsw i64 %251, 6
  %261 = mul nsw i64 %260, 4
  %262 = getelementptr i8, ptr %11, i64 %261
  store <8 x float> %243, ptr %262, align 4
  %263 = add nsw i64 %202, 8
  %264 = icmp slt i64 %263, %198
  br i1 %264, label %loop23, label %done24

done24:                                           ; preds = %loop23, %loop21
  br i1 true, label %then25, label %endif26

then25:                                           ; preds = %done24
  %265 = getelementptr i8, ptr %197, i64 0
  %266 = load <8 x float>, ptr %265, align 4
  %267 = getelementptr i8, ptr %265, i64 64
  %268 = load <8 x float>, ptr %267, align 4
  %269 = shufflevector <8 x float> %266, <8 x float> %268, <8 x i32> <i32 0, i32 8, i32 1, i32 9, i32 4, i32 12, i32 5, i32 13>
  %270 = shufflevector <8 x float> %266, <8 x float> %268, <8 x i32> <i32 2, i32 10, i32 3, i32 11, i32 6, i32 14, i32 7, i32 15>
  %271 = shufflevector <8 x float> %269, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %272 = shufflevector <8 x float> %269, <8 x float> zeroinitializer, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %273 = shufflevector <8 x float> %270, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 8, i32 9, i32 4, i32 5, i32 12, i32 13>
  %274 = shufflevector <8 x float> %270, <8 x float> zeroinitializer, <8 x i32> <i32 2, i32 3, i32 10, i32 11, i32 6, i32 7, i32 14, i32 15>
  %275 = shufflevector <8 x float> %271, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %276 = shufflevector <8 x float> %271, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %277 = shufflevector <8 x float> %272, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %278 = shufflevector <8 x float> %272, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %279 = shufflevector <8 x float> %273, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %280 = shufflevector <8 x float> %273, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %281 = shufflevector <8 x float> %274, <8 x float> zeroinitializer, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 8, i32 9, i32 10, i32 11>
  %282 = shufflevector <8 x float> %274, <8 x float> zeroinitializer, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 12, i32 13, i32 14, i32 15>
  %283 = add nsw i64 %194, 0
  %284 = mul nsw i64 %27, 4
  %285 = add nsw i64 %284, %191
  %286 = mul nsw i64 %285, 4
  %287 = add nsw i64 %286, 0
  %288 = mul nsw i64 %287, 2
  %289 = add nsw i64 %288, %283
  %290 = mul nsw i64 %289, 4
  %291 = getelementptr i8, ptr %11, i64 %290
  store <8 x float> %275, ptr %291, align 4
  %292 = add nsw i64 %289, 2
  %293 = mul nsw i64 %292, 4
  %294 = getelementptr i8, ptr %11, i64 %293
  call void @llvm.masked.store.v8f32.p0(<8 x float> %277, ptr %294, i32 4, <8 x i1> <i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>)
  %295 = add nsw i64 %289, 4
  %296 = mul nsw i64 %295, 4
  %297 = getelementptr i8, ptr %11, i64 %296
  call void @llvm.masked.store.v8f32.p0(<8 x float> %279, ptr %297, i32 4, <8 x i1> <i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>)
  %298 = add nsw i64 %289, 6
  %299 = mul nsw i64 %298, 4
  %300 = getelementptr i8, ptr %11, i64 %299
  call void @llvm.masked.store.v8f32.p0(<8 x float> %281, ptr %300, i32 4, <8 x i1> <i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false, i1 false>)
  br label %endif26

endif26:                                          ; preds = %then25, %done24
  %301 = add nsw i64 %191, 1
  %302 = icmp slt i64 %301, %140
  br i1 %302, label %loop21, label %done22
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind willreturn memory(argmem: write)
declare void @llvm.masked.store.v8f32.p0(<8 x float>, ptr nocapture, i32 immarg, <8 x i1>) #2

; Function Attrs: nocallback nofree nosync nounwind willreturn memory(argmem: read)
declare <8 x float> @llvm.masked.load.v8f32.p0(ptr nocapture, i32 immarg, <8 x i1>, <8 x float>) #3

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare float @llvm.fma.f32(float, float, float) #1

attributes #0 = { nounwind "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c" "tune-cpu"="znver3" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
attributes #2 = { nocallback nofree nosync nounwind willreturn memory(argmem: write) }
attributes #3 = { nocallback nofree nosync nounwind willreturn memory(argmem: read) }
