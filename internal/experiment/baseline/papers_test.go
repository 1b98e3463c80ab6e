package baseline

import (
	"math"
	"slices"
)

// These functions are the papers' pseudo-code, line by line and with the papers' symbols, on the
// problem of baseline_test.go. They round weights and gradients to the model's dtype.

func adamPaper(round rounding) [][]float64 {
	const α, β1, β2, ε = 0.01, 0.9, 0.999, 1e-8
	θ := slices.Clone(origin)
	var m, v [3]float64
	var steps [][]float64
	for t := 1; t <= testSteps; t++ {
		g := round.all(gradient(t-1, θ))
		for i := range θ {
			m[i] = β1*m[i] + (1-β1)*g[i]
			v[i] = β2*v[i] + (1-β2)*g[i]*g[i]
			mHat := m[i] / (1 - math.Pow(β1, float64(t)))
			vHat := v[i] / (1 - math.Pow(β2, float64(t)))
			θ[i] -= α * mHat / (math.Sqrt(vHat) + ε)
		}
		steps = append(steps, slices.Clone(round.all(θ)))
	}
	return steps
}

// scheduleFreePaper is Algorithm 1, which computes y first. Here a step ends when the next step's y
// is known.
func scheduleFreePaper(round rounding) [][]float64 {
	const γ, β1, β2, ε = 2.5e-3, 0.9, 0.999, 1e-8
	z, x := slices.Clone(origin), slices.Clone(origin)
	y := func() []float64 {
		y := make([]float64, 3)
		for i := range y {
			y[i] = (1-β1)*z[i] + β1*x[i]
		}
		return round.all(y)
	}
	var v [3]float64
	squares := 0.0
	var steps [][]float64
	for t := 1; t <= testSteps; t++ {
		g := round.all(gradient(t-1, y()))
		γt := γ * math.Sqrt(1-math.Pow(β2, float64(t)))
		squares += γt * γt
		c := γt * γt / squares
		for i := range x {
			v[i] = β2*v[i] + (1-β2)*g[i]*g[i]
			z[i] -= γt * g[i] / (math.Sqrt(v[i]) + ε)
			x[i] = (1-c)*x[i] + c*z[i]
		}
		steps = append(steps, y())
	}
	return steps
}

func dogPaper(round rounding) [][]float64 {
	x := slices.Clone(origin)
	squared := func(a []float64) (sum float64) {
		for _, a := range a {
			sum += a * a
		}
		return sum
	}
	rBar, G := 1e-6*(1+math.Sqrt(squared(x))), 1e-8
	var steps [][]float64
	for t := 0; t < testSteps; t++ {
		g := round.all(gradient(t, x))
		away := make([]float64, 3)
		for i := range x {
			away[i] = x[i] - origin[i]
		}
		rBar = math.Max(rBar, math.Sqrt(squared(away)))
		G += squared(g)
		η := rBar / math.Sqrt(G)
		for i := range x {
			x[i] -= η * g[i]
		}
		steps = append(steps, slices.Clone(round.all(x)))
	}
	return steps
}

func prodigyPaper(round rounding) [][]float64 {
	const γ, β1, β2, ε = 1, 0.9, 0.999, 1e-8
	x, d, r := slices.Clone(origin), 1e-6, 0.0
	var m, v, s [3]float64
	var steps [][]float64
	for k := 0; k < testSteps; k++ {
		g := round.all(gradient(k, x))
		inner, s1 := 0.0, 0.0
		for i := range x {
			m[i] = β1*m[i] + (1-β1)*d*g[i]
			v[i] = β2*v[i] + (1-β2)*d*d*g[i]*g[i]
			inner += g[i] * (origin[i] - x[i])
			s[i] = math.Sqrt(β2)*s[i] + (1-math.Sqrt(β2))*γ*d*d*g[i]
			s1 += math.Abs(s[i])
		}
		r = math.Sqrt(β2)*r + (1-math.Sqrt(β2))*γ*d*d*inner
		for i := range x {
			x[i] -= γ * d * m[i] / (math.Sqrt(v[i]) + d*ε)
		}
		d = math.Max(d, r/s1)
		steps = append(steps, slices.Clone(round.all(x)))
	}
	return steps
}

func momoPaper(round rounding) [][]float64 {
	const α, β1, β2, ε, fStar = 1e-2, 0.9, 0.999, 1e-8, 0
	x := slices.Clone(origin)
	var d, v [3]float64
	fBar, γ := 0.0, 0.0
	var steps [][]float64
	for k := 1; k <= testSteps; k++ {
		g := round.all(gradient(k-1, x))
		fBar = (1-β1)*lossAt(k-1, x) + β1*fBar
		gx, dx, norm := 0.0, 0.0, 0.0
		var D [3]float64
		for i := range x {
			d[i] = (1-β1)*g[i] + β1*d[i]
			v[i] = β2*v[i] + (1-β2)*g[i]*g[i]
			D[i] = ε + math.Sqrt(v[i]/(1-math.Pow(β2, float64(k))))
			gx += g[i] * x[i]
			dx += d[i] * x[i]
			norm += d[i] * d[i] / D[i]
		}
		γ = (1-β1)*gx + β1*γ
		bias := 1 - math.Pow(β1, float64(k))
		τ := math.Min(α/bias, math.Max(0, fBar-bias*fStar-γ+dx)/norm)
		for i := range x {
			x[i] -= τ * d[i] / D[i]
		}
		steps = append(steps, slices.Clone(round.all(x)))
	}
	return steps
}

// rmsPropPaper is RMSProp as TensorFlow documents it.
func rmsPropPaper(round rounding) [][]float64 {
	const η, ρ, ε = 0.01, 0.9, 1e-10
	θ := slices.Clone(origin)
	meanSquare := [3]float64{1, 1, 1}
	var steps [][]float64
	for t := range testSteps {
		for i, g := range round.all(gradient(t, θ)) {
			meanSquare[i] = ρ*meanSquare[i] + (1-ρ)*g*g
			θ[i] -= η * g / math.Sqrt(meanSquare[i]+ε)
		}
		steps = append(steps, slices.Clone(round.all(θ)))
	}
	return steps
}

// momentumPaper clips the gradient to the norm 5. The gradient exceeds this norm in some steps.
func momentumPaper(round rounding) [][]float64 {
	const η, μ, limit = 0.02, 0.9, 5
	θ := slices.Clone(origin)
	var v [3]float64
	var steps [][]float64
	for t := range testSteps {
		g := round.all(gradient(t, θ))
		scale := min(1, limit/math.Sqrt(g[0]*g[0]+g[1]*g[1]+g[2]*g[2]))
		for i := range θ {
			v[i] = μ*v[i] + scale*g[i]
			θ[i] -= η * v[i]
		}
		steps = append(steps, slices.Clone(round.all(θ)))
	}
	return steps
}
