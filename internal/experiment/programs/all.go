package programs

// All lists the programs, grouped by kind. To add a program, declare a variable of type Program and
// list the variable here.
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
