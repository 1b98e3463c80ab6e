package programs

// All lists the programs, grouped by kind. A new program is a variable like those and its name
// here.
var All = []Program{
	outliers, firstOutlier, largeTargets, leastAbsolute, huber, relativeError, sine, gaussian,
	quietStart, fineTuning, continued,
	xor, logistic, clickRate,
	softLabels, logEpsilon, forgottenLog, squaredSoftMax, batchNorm, dropout, convnet,
	framework,
	autoencoder, vae,
	charRNNSum, charRNNMean, lstm,
	skipGram, factorisation,
	qLearning, rareReward, reinforce, selfPlay, gan,
}
