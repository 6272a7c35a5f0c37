; ModuleID = 'mb?ic3ih2oc16kh2ph1 dtype=s8 cpu:gemm,axis=q,mr=3,nv=1,unroll=1'
source_filename = "mb?ic3ih2oc16kh2ph1 dtype=s8 cpu:gemm,axis=q,mr=3,nv=1,unroll=1"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

; Function Attrs: nounwind
define void @convoke_kernel(ptr %0, i64 %1, i64 %2, ptr %3) #0 {
entry:
  %4 = alloca <16 x i32>, align 64
  %5 = alloca <16 x i32>, align 64
  %6 = alloca <16 x i32>, align 64
  %7 = load ptr, ptr %0, align 8
  %8 = getelementptr i8, ptr %0, i64 8
  %9 = load ptr, ptr %8, align 8
  %10 = getelementptr i8, ptr %0, i64 16
  %11 = load ptr, ptr %10, align 8
  %12 = getelementptr i8, ptr %0, i64 24
  %13 = load i64, ptr %12, align 4
  %14 = icmp slt i64 %1, %2
  br i1 %14, label %loop, label %done

loop:                                             ; preds = %done8, %entry
  %15 = phi i64 [ %1, %entry ], [ %88, %done8 ]
  %16 = urem i64 %15, %13
  %17 = udiv i64 %15, %13
  %18 = call i64 @llvm.smin.i64(i64 3, i64 3)
  %19 = add nsw i64 %16, 1
  %20 = call i64 @llvm.smin.i64(i64 %19, i64 %13)
  %21 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %22 = mul nsw i64 %17, 3
  %23 = getelementptr i8, ptr %7, i64 %22
  %24 = call i64 @llvm.smax.i64(i64 -1, i64 0)
  %25 = call i64 @llvm.smin.i64(i64 %24, i64 2)
  %26 = call i64 @llvm.smin.i64(i64 3, i64 2)
  %27 = call i64 @llvm.smax.i64(i64 %26, i64 %25)
  %28 = icmp slt i64 %16, %20
  br i1 %28, label %loop1, label %done2

done:                                             ; preds = %done8, %entry
  ret void

loop1:                                            ; preds = %done4, %loop
  %29 = phi i64 [ %16, %loop ], [ %52, %done4 ]
  %30 = sub nsw i64 %29, %16
  %31 = mul nsw i64 %30, 16
  %32 = getelementptr i8, ptr %3, i64 %31
  %33 = icmp slt i64 %25, %27
  br i1 %33, label %loop3, label %done4

done2:                                            ; preds = %done4, %loop
  %34 = mul nsw i64 %16, 16
  %35 = mul nsw i64 %25, 8
  %36 = add nsw i64 %35, %34
  %37 = sub nsw i64 0, %36
  %38 = getelementptr i8, ptr %3, i64 %37
  %39 = call i64 @llvm.smax.i64(i64 0, i64 0)
  %40 = call i64 @llvm.smin.i64(i64 1, i64 1)
  %41 = icmp slt i64 %39, %40
  br i1 %41, label %loop7, label %done8

loop3:                                            ; preds = %done6, %loop1
  %42 = phi i64 [ %25, %loop1 ], [ %66, %done6 ]
  %43 = sub nsw i64 %42, %25
  %44 = mul nsw i64 %43, 8
  %45 = getelementptr i8, ptr %32, i64 %44
  %46 = mul nsw i64 %17, 3
  %47 = mul nsw i64 %29, 2
  %48 = add nsw i64 %47, %42
  %49 = mul nsw i64 %48, 6
  %50 = add nsw i64 %49, %46
  %51 = getelementptr i8, ptr %7, i64 %50
  br label %loop5

done4:                                            ; preds = %done6, %loop1
  %52 = add nsw i64 %29, 1
  %53 = icmp slt i64 %52, %20
  br i1 %53, label %loop1, label %done2

loop5:                                            ; preds = %loop5, %loop3
  %54 = phi i64 [ 0, %loop3 ], [ %64, %loop5 ]
  %55 = mul nsw i64 %54, 4
  %56 = getelementptr i8, ptr %45, i64 %55
  %57 = mul nsw i64 %54, 3
  %58 = getelementptr i8, ptr %51, i64 %57
  %59 = getelementptr i8, ptr %56, i64 0
  %60 = getelementptr i8, ptr %58, i64 0
  %61 = load <3 x i8>, ptr %60, align 1
  %62 = xor <3 x i8> %61, <i8 -128, i8 -128, i8 -128>
  %63 = shufflevector <3 x i8> %62, <3 x i8> zeroinitializer, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  store <4 x i8> %63, ptr %59, align 1
  %64 = add nsw i64 %54, 1
  %65 = icmp slt i64 %64, 2
  br i1 %65, label %loop5, label %done6

done6:                                            ; preds = %loop5
  %66 = add nsw i64 %42, 1
  %67 = icmp slt i64 %66, %27
  br i1 %67, label %loop3, label %done4

loop7:                                            ; preds = %done10, %done2
  %68 = phi i64 [ %39, %done2 ], [ %162, %done10 ]
  %69 = sub nsw i64 %68, 0
  %70 = mul nsw i64 %69, 256
  %71 = mul nsw i64 %17, 256
  %72 = add nsw i64 %71, %70
  %73 = mul nsw i64 %69, 16
  %74 = mul nsw i64 %17, 16
  %75 = add nsw i64 %74, %73
  %76 = getelementptr i8, ptr %9, i64 %72
  %77 = mul nsw i64 %17, 16
  %78 = sub nsw i64 %75, %77
  %79 = mul nsw i64 %78, 4
  %80 = mul nsw i64 %17, 576
  %81 = add nsw i64 %80, %79
  %82 = add nsw i64 %81, 256
  %83 = getelementptr i8, ptr %9, i64 %82
  %84 = getelementptr i8, ptr %38, i64 0
  %85 = getelementptr i8, ptr %76, i64 0
  %86 = mul nsw i64 %16, 16
  %87 = getelementptr i8, ptr %84, i64 %86
  br label %loop9

done8:                                            ; preds = %done10, %done2
  %88 = add nsw i64 %15, 1
  %89 = icmp slt i64 %88, %2
  br i1 %89, label %loop, label %done

loop9:                                            ; preds = %done12, %loop7
  %90 = phi i64 [ 0, %loop7 ], [ %250, %done12 ]
  %91 = add nsw i64 %90, -1
  %92 = sub nsw i64 0, %91
  %93 = call i64 @llvm.smax.i64(i64 %92, i64 0)
  %94 = call i64 @llvm.smax.i64(i64 %93, i64 0)
  %95 = sub nsw i64 1, %91
  %96 = icmp sge i64 %95, 0
  %97 = call i64 @llvm.smax.i64(i64 %95, i64 0)
  %98 = add nsw i64 %97, 1
  %99 = call i64 @llvm.smin.i64(i64 %98, i64 2)
  %100 = select i1 %96, i64 %99, i64 0
  %101 = call i64 @llvm.smin.i64(i64 %94, i64 2)
  %102 = call i64 @llvm.smin.i64(i64 1, i64 2)
  %103 = call i64 @llvm.smax.i64(i64 %101, i64 %100)
  %104 = call i64 @llvm.smax.i64(i64 %102, i64 2)
  %105 = mul nsw i64 %104, 64
  %106 = mul nsw i64 %103, 192
  %107 = add nsw i64 %106, %105
  %108 = getelementptr i8, ptr %83, i64 %107
  %109 = load <16 x i32>, ptr %108, align 4
  %110 = mul nsw i64 %104, 64
  %111 = mul nsw i64 %101, 192
  %112 = add nsw i64 %111, %110
  %113 = getelementptr i8, ptr %83, i64 %112
  %114 = load <16 x i32>, ptr %113, align 4
  %115 = sub <16 x i32> %109, %114
  %116 = mul nsw i64 %102, 64
  %117 = mul nsw i64 %103, 192
  %118 = add nsw i64 %117, %116
  %119 = getelementptr i8, ptr %83, i64 %118
  %120 = load <16 x i32>, ptr %119, align 4
  %121 = sub <16 x i32> %115, %120
  %122 = mul nsw i64 %102, 64
  %123 = mul nsw i64 %101, 192
  %124 = add nsw i64 %123, %122
  %125 = getelementptr i8, ptr %83, i64 %124
  %126 = load <16 x i32>, ptr %125, align 4
  %127 = add <16 x i32> %121, %126
  %128 = mul <16 x i32> %127, <i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128>
  store <16 x i32> %128, ptr %6, align 64
  %129 = call i64 @llvm.smin.i64(i64 %94, i64 2)
  %130 = call i64 @llvm.smin.i64(i64 0, i64 2)
  %131 = call i64 @llvm.smax.i64(i64 %129, i64 %100)
  %132 = call i64 @llvm.smax.i64(i64 %130, i64 2)
  %133 = mul nsw i64 %132, 64
  %134 = mul nsw i64 %131, 192
  %135 = add nsw i64 %134, %133
  %136 = getelementptr i8, ptr %83, i64 %135
  %137 = load <16 x i32>, ptr %136, align 4
  %138 = mul nsw i64 %132, 64
  %139 = mul nsw i64 %129, 192
  %140 = add nsw i64 %139, %138
  %141 = getelementptr i8, ptr %83, i64 %140
  %142 = load <16 x i32>, ptr %141, align 4
  %143 = sub <16 x i32> %137, %142
  %144 = mul <16 x i32> %143, <i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128>
  store <16 x i32> %144, ptr %5, align 64
  %145 = call i64 @llvm.smin.i64(i64 %94, i64 2)
  %146 = call i64 @llvm.smin.i64(i64 0, i64 2)
  %147 = call i64 @llvm.smax.i64(i64 %145, i64 %100)
  %148 = call i64 @llvm.smax.i64(i64 %146, i64 1)
  %149 = mul nsw i64 %148, 64
  %150 = mul nsw i64 %147, 192
  %151 = add nsw i64 %150, %149
  %152 = getelementptr i8, ptr %83, i64 %151
  %153 = load <16 x i32>, ptr %152, align 4
  %154 = mul nsw i64 %148, 64
  %155 = mul nsw i64 %145, 192
  %156 = add nsw i64 %155, %154
  %157 = getelementptr i8, ptr %83, i64 %156
  %158 = load <16 x i32>, ptr %157, align 4
  %159 = sub <16 x i32> %153, %158
  %160 = mul <16 x i32> %159, <i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128, i32 -128>
  store <16 x i32> %160, ptr %4, align 64
  %161 = icmp slt i64 %94, %100
  br i1 %161, label %loop11, label %done12

done10:                                           ; preds = %done12
  %162 = add nsw i64 %68, 1
  %163 = icmp slt i64 %162, %40
  br i1 %163, label %loop7, label %done8

loop11:                                           ; preds = %loop11, %loop9
  %164 = phi i64 [ %94, %loop9 ], [ %204, %loop11 ]
  %165 = add nsw i64 %90, %164
  %166 = add nsw i64 %165, -1
  %167 = mul nsw i64 %166, 8
  %168 = getelementptr i8, ptr %87, i64 %167
  %169 = getelementptr i8, ptr %168, i64 0
  %170 = sub nsw i64 %164, 0
  %171 = mul nsw i64 %170, 128
  %172 = getelementptr i8, ptr %85, i64 %171
  %173 = getelementptr i8, ptr %169, i64 -4
  fence syncscope("singlethread") seq_cst
  %174 = load <64 x i8>, ptr %172, align 16
  %175 = getelementptr i8, ptr %173, i64 4
  %176 = load i32, ptr %175, align 1
  %.splatinsert = insertelement <16 x i32> poison, i32 %176, i64 0
  %.splat = shufflevector <16 x i32> %.splatinsert, <16 x i32> poison, <16 x i32> zeroinitializer
  %177 = bitcast <16 x i32> %.splat to <64 x i8>
  %178 = load <16 x i32>, ptr %5, align 64
  %179 = bitcast <64 x i8> %177 to <16 x i32>
  %180 = bitcast <64 x i8> %174 to <16 x i32>
  %181 = call <16 x i32> @llvm.x86.avx512.vpdpbusd.512(<16 x i32> %178, <16 x i32> %179, <16 x i32> %180)
  store <16 x i32> %181, ptr %5, align 64
  %182 = getelementptr i8, ptr %173, i64 8
  %183 = load i32, ptr %182, align 1
  %.splatinsert13 = insertelement <16 x i32> poison, i32 %183, i64 0
  %.splat14 = shufflevector <16 x i32> %.splatinsert13, <16 x i32> poison, <16 x i32> zeroinitializer
  %184 = bitcast <16 x i32> %.splat14 to <64 x i8>
  %185 = load <16 x i32>, ptr %4, align 64
  %186 = bitcast <64 x i8> %184 to <16 x i32>
  %187 = bitcast <64 x i8> %174 to <16 x i32>
  %188 = call <16 x i32> @llvm.x86.avx512.vpdpbusd.512(<16 x i32> %185, <16 x i32> %186, <16 x i32> %187)
  store <16 x i32> %188, ptr %4, align 64
  %189 = getelementptr i8, ptr %172, i64 64
  fence syncscope("singlethread") seq_cst
  %190 = load <64 x i8>, ptr %189, align 16
  %191 = load i32, ptr %169, align 1
  %.splatinsert15 = insertelement <16 x i32> poison, i32 %191, i64 0
  %.splat16 = shufflevector <16 x i32> %.splatinsert15, <16 x i32> poison, <16 x i32> zeroinitializer
  %192 = bitcast <16 x i32> %.splat16 to <64 x i8>
  %193 = load <16 x i32>, ptr %6, align 64
  %194 = bitcast <64 x i8> %192 to <16 x i32>
  %195 = bitcast <64 x i8> %190 to <16 x i32>
  %196 = call <16 x i32> @llvm.x86.avx512.vpdpbusd.512(<16 x i32> %193, <16 x i32> %194, <16 x i32> %195)
  store <16 x i32> %196, ptr %6, align 64
  %197 = getelementptr i8, ptr %169, i64 4
  %198 = load i32, ptr %197, align 1
  %.splatinsert17 = insertelement <16 x i32> poison, i32 %198, i64 0
  %.splat18 = shufflevector <16 x i32> %.splatinsert17, <16 x i32> poison, <16 x i32> zeroinitializer
  %199 = bitcast <16 x i32> %.splat18 to <64 x i8>
  %200 = load <16 x i32>, ptr %5, align 64
  %201 = bitcast <64 x i8> %199 to <16 x i32>
  %202 = bitcast <64 x i8> %190 to <16 x i32>
  %203 = call <16 x i32> @llvm.x86.avx512.vpdpbusd.512(<16 x i32> %200, <16 x i32> %201, <16 x i32> %202)
  store <16 x i32> %203, ptr %5, align 64
  %204 = add nsw i64 %164, 1
  %205 = icmp slt i64 %204, %100
  br i1 %205, label %loop11, label %done12

done12:                                           ; preds = %loop11, %loop9
  %206 = mul nsw i64 %16, 3
  %207 = add nsw i64 %206, %90
  %208 = mul nsw i64 %207, 3
  %209 = add nsw i64 %208, 0
  %210 = mul nsw i64 %209, 16
  %211 = add nsw i64 %210, %75
  %212 = load <16 x i32>, ptr %6, align 64
  %213 = sitofp <16 x i32> %212 to <16 x float>
  %214 = getelementptr i8, ptr %11, i64 %211
  %215 = fcmp uno <16 x float> %213, %213
  %216 = select <16 x i1> %215, <16 x float> zeroinitializer, <16 x float> %213
  %217 = fcmp olt <16 x float> %216, <float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02>
  %218 = select <16 x i1> %217, <16 x float> <float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02>, <16 x float> %216
  %219 = fcmp ogt <16 x float> %218, <float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02>
  %220 = select <16 x i1> %219, <16 x float> <float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02>, <16 x float> %218
  %221 = fadd <16 x float> %220, <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %222 = bitcast <16 x float> %221 to <16 x i32>
  %223 = trunc <16 x i32> %222 to <16 x i8>
  store <16 x i8> %223, ptr %214, align 1
  %224 = add nsw i64 %211, 16
  %225 = load <16 x i32>, ptr %5, align 64
  %226 = sitofp <16 x i32> %225 to <16 x float>
  %227 = getelementptr i8, ptr %11, i64 %224
  %228 = fcmp uno <16 x float> %226, %226
  %229 = select <16 x i1> %228, <16 x float> zeroinitializer, <16 x float> %226
  %230 = fcmp olt <16 x float> %229, <float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02>
  %231 = select <16 x i1> %230, <16 x float> <float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02>, <16 x float> %229
  %232 = fcmp ogt <16 x float> %231, <float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02>
  %233 = select <16 x i1> %232, <16 x float> <float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02>, <16 x float> %231
  %234 = fadd <16 x float> %233, <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %235 = bitcast <16 x float> %234 to <16 x i32>
  %236 = trunc <16 x i32> %235 to <16 x i8>
  store <16 x i8> %236, ptr %227, align 1
  %237 = add nsw i64 %211, 32
  %238 = load <16 x i32>, ptr %4, align 64
  %239 = sitofp <16 x i32> %238 to <16 x float>
  %240 = getelementptr i8, ptr %11, i64 %237
  %241 = fcmp uno <16 x float> %239, %239
  %242 = select <16 x i1> %241, <16 x float> zeroinitializer, <16 x float> %239
  %243 = fcmp olt <16 x float> %242, <float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02>
  %244 = select <16 x i1> %243, <16 x float> <float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02, float -1.280000e+02>, <16 x float> %242
  %245 = fcmp ogt <16 x float> %244, <float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02>
  %246 = select <16 x i1> %245, <16 x float> <float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02, float 1.270000e+02>, <16 x float> %244
  %247 = fadd <16 x float> %246, <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %248 = bitcast <16 x float> %247 to <16 x i32>
  %249 = trunc <16 x i32> %248 to <16 x i8>
  store <16 x i8> %249, ptr %240, align 1
  %250 = add nsw i64 %90, 1
  %251 = icmp slt i64 %250, 3
  br i1 %251, label %loop9, label %done10
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smin.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare i64 @llvm.smax.i64(i64, i64) #1

; Function Attrs: nocallback nofree nosync nounwind willreturn memory(none)
declare <16 x i32> @llvm.x86.avx512.vpdpbusd.512(<16 x i32>, <16 x i32>, <16 x i32>) #2

attributes #0 = { nounwind "prefer-vector-width"="512" "target-cpu"="x86-64" "target-features"="+avx2,+fma,+f16c,+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512vnni" "tune-cpu"="cascadelake" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }
attributes #2 = { nocallback nofree nosync nounwind willreturn memory(none) }
