"""The words of figures, players and printed lines, in English and Chinese. Code exists once; only words differ."""

from __future__ import annotations

from ganlib.errors import GanlibError, unknown

LANGUAGES = ("en", "zh")

# key: (English, Chinese). str.format fills in the values. The shipped font has every character used here (tested).
WORDS: dict[str, tuple[str, str]] = {
    # axes and series
    "step": ("step", "步数"),
    "loss": ("loss", "损失"),
    "accuracy": ("accuracy of D", "判别器准确率"),
    "steps of D alone": ("steps of D alone", "D 单独走的步数"),
    "density": ("density", "密度"),
    "gradient": ("gradient norm", "梯度范数"),
    "discriminator": ("loss of D", "判别器损失"),
    "generator": ("loss of G", "生成器损失"),
    "|grad| discriminator": ("gradient norm of D", "判别器梯度范数"),
    "|grad| generator": ("gradient norm of G", "生成器梯度范数"),
    "D(x)": ("D(x), real", "D(x)（真实）"),
    "D(G(z))": ("D(G(z)), generated", "D(G(z))（生成）"),
    "spread": ("spread of the samples / of the data", "离散程度：样本与数据之比"),
    # names of losses
    "minimax": ("saturating", "饱和"),
    "non_saturating": ("non-saturating", "非饱和"),
    "least_squares": ("least squares", "最小二乘"),
    "hinge": ("hinge", "合页"),
    "kl": ("KL-GAN", "KL-GAN"),
    "pearson": ("Pearson χ²", "Pearson χ²"),
    # pictures
    "real": ("real", "真实"),
    "generated": ("generated", "生成"),
    "real images": ("real images", "真实图像"),
    "generated images": ("generated images", "生成图像"),
    "interpolation": ("interpolation in the latent space", "隐空间插值"),
    "noise": ("noise", "噪声"),
    "shuffled pixels": ("shuffled pixels", "打乱像素"),
    "one class": ("one class only", "只有一类"),
    "healthy": ("healthy", "健康"),
    "sick": ("sick", "病态"),
    # players and widgets
    "play": ("play", "播放"),
    "pause": ("pause", "暂停"),
    "position": ("position", "位置"),
    "least sure": ("the least sure", "最没把握的"),
    "walk": ("walk", "路径"),
    "player": ("Player: {n} frames, chosen with the slider", "播放器：共 {n} 帧，用滑块选择"),
    "any": ("by lot", "随机"),
    "person": ("person", "人物"),
    "in words": ("in words", "文字"),
    # data sets
    "share": ("share", "比例"),
    "points": ("points", "点"),
    "drawn": ("as drawn", "原样"),
    "collected": ("as collected", "挑选后"),
    "dependence": ("total variation", "全变差距离"),
    "slanted": ("by slant", "按倾斜排列"),
    "8 modes": ("8 modes", "8 个模式"),
    "7 modes": ("7 modes, one of them twice", "7 个模式，其中一个算了两次"),
    # distances between laws
    "offset": ("offset", "位移"),
    "width": ("width", "宽度"),
    "KL": ("KL", "KL"),
    "forward KL": ("forward KL", "前向 KL"),
    "reverse KL": ("reverse KL", "逆向 KL"),
    "TV": ("TV", "TV"),
    "JS": ("JS", "JS"),
    "W1": ("W₁", "W₁"),
    "H²": ("H²", "H²"),
    "half distance": ("b", "b"),
    "weight": ("weight, left", "左边的权重"),
    "the same 200": ("the same 200 pairs every time", "每次都是同样的 200 对"),
    "fresh ones": ("200 fresh pairs each time", "每次新抽 200 对"),
    "on the batch": ("on the batch", "在这一批上"),
    "held out": ("held out", "留出数据"),
    "bound at the end": (
        "  {batch:.3f} on the batch, {held_out:.3f} held out (at best {peak:.3f}, at step {step})",
        "  这一批上 {batch:.3f}，留出数据上 {held_out:.3f}（最好时 {peak:.3f}，在第 {step} 步）",
    ),
    "by lot": ("by lot", "抽签配对"),
    "best plan": ("best plan", "最优方案"),
    "real and real": ("digits, other digits", "数字与另一批数字"),
    "both shuffled": ("pixels of both shuffled alike", "两边的像素同样打乱"),
    "one shuffled": ("pixels of one side shuffled", "只打乱一边的像素"),
    "shifted by two": ("one side moved by two pixels", "一边平移两个像素"),
    "shift": ("shift, pixels", "平移的像素数"),
    "pixel by pixel": ("pixel by pixel", "逐像素"),
    "ink moved": ("way of the ink", "墨迹所走的路程"),
    # measures: what is measured, and on what
    "precision": ("precision", "精确率"),
    "recall": ("recall", "召回率"),
    "covered": ("coverage", "覆盖率"),
    "attribute TV": ("attribute TV", "属性全变差"),
    "memorised": ("memorised", "照抄"),
    "truth": ("truth", "真值"),
    "read": ("read ", "读出"),
    "price": ("{price:6.3f}  {name}", "{price:6.3f}  {name}"),
    "formula of the page": ("by the formula", "按公式"),
    "in order": ("kept in order", "保持次序"),
    "reversed": ("in reverse order", "次序颠倒"),
    "1,000 points": ("best plan for 1,000 points each", "各 1,000 个点的最优搬法"),
    "if they commuted": ("as if the covariances commuted", "若当作可交换"),
    "ten pictures": ("ten pictures", "十幅图"),
    "real data": ("real data", "真实数据"),
    "sevens and ones": ("sevens and ones", "只有七和一"),
    "other real faces": ("other real faces", "另一批真实人像"),
    "slightly blurred": ("slightly blurred", "略微模糊"),
    "fresh": ("fresh faces", "新画的人像"),
    "blurred": ("blurred", "模糊"),
    "grainy": ("grainy", "噪点"),
    "no long hair": ("no long hair", "没有长发"),
    "no red hair": ("no red hair", "没有红发"),
    "80 faces": ("80 faces, repeated", "80 张脸反复出现"),
    "copied": ("copies of training data", "照抄训练集"),
    "channels swapped": ("red and blue swapped", "红蓝互换"),
    "5 % noise": ("5 % noise images", "混入 5% 噪声图"),
    "worse": ("worse than fresh faces", "比新画的人像差"),
    "better": ("“better” than fresh faces", "比新画的人像还“好”"),
    "stamped": ("white square in the corner", "角上有白块"),
    "plain grey": ("plain grey", "一片纯灰"),
    "not installed": (
        "{package} is not installed, so nothing is compared here; it comes with: pip install {package}",
        "没有安装 {package}，这里跳过比较；安装：pip install {package}",
    ),
    "both": ("{name:10} ours {ours:.8g}  theirs {theirs:.8g}", "{name:10} 本课程 {ours:.8g}  对方 {theirs:.8g}"),
    # games with two parameters
    "simultaneous": ("simultaneous", "同时更新"),
    "alternating": ("alternating", "交替更新"),
    "wgan": ("WGAN", "WGAN"),
    "wgan, clipped": ("WGAN, clipped", "WGAN，权重裁剪"),
    "wgan-gp": ("WGAN-GP", "WGAN-GP"),
    "r1": ("non-saturating with R1", "非饱和，加 R1"),
    "game": ("game", "博弈"),
    "rate": ("learning rate", "学习率"),
    "strength": ("strength", "强度"),
    "distance from equilibrium": ("distance from the equilibrium", "与均衡的距离"),
    "moduli": ("    page Jacobian    steps", "   理论页 Jacobian 实际步子"),
    "factor per step": ("factor per step", "每步的倍数"),
    # modes
    "density of the data": ("density of the data", "数据的密度"),
    "D of x": ("D(x)", "D(x)"),
    "plain GAN": ("the plain GAN", "普通 GAN"),
    "with R1": ("with R1", "加 R1"),
    "perfect sampler": ("a perfect sampler", "完美的采样器"),
    "modes found by": (
        "{seen.value:2.0f} of {seen.details[modes]} modes, quality {seen.details[high quality]:6.1%}, "
        "reverse KL {seen.details[reverse KL]:.3f}  {name}",
        "{seen.value:2.0f}/{seen.details[modes]} 个模式，高质量 {seen.details[high quality]:6.1%}，"
        "逆向 KL {seen.details[reverse KL]:.3f}  {name}",
    ),
    "modes found": ("modes found", "找到的模式"),
    "high quality": ("high quality", "高质量"),
    "reverse KL": ("reverse KL", "逆向 KL"),
    "one mode by heart": ("one mode, by heart", "只背一个模式"),
    "one mode missing": ("one mode missing", "缺一个模式"),
    "half as wide": ("modes half as wide", "模式窄了一半"),
    "noise everywhere": ("noise everywhere", "到处是噪声"),
    "packs of two": ("packs of two", "两个一包"),
    "minibatch discrimination": ("minibatch discrimination", "小批量判别"),
    "median of the second half": ("reverse KL, median of the second half:", "逆向 KL，后半程的中位数："),
    "without": ("without", "不用"),
    "with it": ("with it", "用上"),
    "effect": ("effect {effect:.2f} ± {error:.2f}", "效果 {effect:.2f} ± {error:.2f}"),
    "data": ("data", "数据"),
    "missing, astray": (" missing   astray", "   缺失     走失"),
    "R3GAN": ("R3GAN", "R3GAN"),
    # lab 04
    "D(G(z)) after": ("D(G(z)), after D's step", "D(G(z))（D 更新之后）"),
    "worst attribute": ("the worst attribute", "最差的属性"),
    "adjoint settings": ("settings of n, k, s, p, d", "种 n、k、s、p、d 的组合"),
    "adjoint sizes": ("sizes as on the page", "尺寸与理论页相同"),
    "adjoint identity": ("〈Ax, y〉 = 〈x, Ty〉", "〈Ax, y〉 = 〈x, Ty〉"),
    "adjoint turned round": ("the same with the kernel turned round", "翻转卷积核之后仍然相等"),
    "resized": ("resized", "先放大再卷积"),
    "with offset": ("with an offset", "有偏置"),
    "without offset": ("without offset", "没有偏置"),
    "evaluation mode": ("evaluation mode", "评估模式"),
    "56 neighbours": ("56 neighbours", "56 个邻居"),
    "56 others": ("56 others", "换 56 个邻居"),
    "alone": ("alone", "独自一批"),
    "two faces": ("two different faces", "两张不同的脸"),
    "untrained": ("untrained", "未经训练"),
    "one face": ("one face, repeated", "同一张脸反复出现"),
    "has it now": ("has the attribute now", "有了这个属性"),
    "the others kept": ("the other twelve kept", "其余十二个没变"),
    "its way": ("its direction", "它的方向"),
    "by chance": ("random direction", "随机方向"),
    "ordinary": ("ordinary samples", "普通样本"),
    "latents": ("latents", "隐变量"),
    "on the sphere": ("latents, length 10", "隐变量，长度取 10"),
    "pixels": ("pixels", "像素"),
    # losses beside one another
    "cross-entropy": ("cross-entropy", "GAN 的 logit"),
    "paper": ("least squares −1, 1, 0", "最小二乘 −1, 1, 0"),
    "f-GAN theory": ("f-GAN, KL, theory", "f-GAN 的 KL，理论"),
    "f-GAN practice": ("f-GAN, KL, practice", "f-GAN 的 KL，实践"),
    "network": ("network", "网络"),
    "best answer": ("best answer", "最优回答"),
    "output v": ("raw output v", "原始输出 v"),
    "log ratio": (r"log density ratio $\ell$", r"对数密度比 $\ell$"),
    "pull on v": ("pull on the output", "对输出的拉力"),
    "pull on the log ratio": (r"pull on $\ell$, D at its best", r"对 $\ell$ 的拉力，D 最优"),
    "finite": ("all values finite: {answer}", "处处有限：{answer}"),
    "rises": ("large output means real: {answer}", "输出大表示真：{answer}"),
    "simplified": ("simplified", "（化简后）"),
    "typed is off": ("as typed, off by more than 1: {answer}", "照公式直译，误差超过 1：{answer}"),
    "slope of 2 TV": ("slope of 2 TV", "2 TV 的斜率"),
    "through the density": ("through the density", "经密度"),
    "through samples": ("through samples", "经样本"),
    "order of Δ": ("orders the models as Δ does: {answer}", "给模型排的次序与 Δ 相同：{answer}"),
    "high quality": ("high quality", "高质量样本的比例"),
    "modes": ("modes", "模式数"),
    "with half": ("with half their share", "份额过半"),
    "share KL": ("KL of the shares", "份额的 KL"),
    # attributes of drawn faces
    "hair_colour": ("hair colour", "发色"),
    "hair_length": ("hair length", "头发长度"),
    "hair_style": ("hair style", "发型"),
    "eye_colour": ("eye colour", "眼睛颜色"),
    "skin": ("skin", "肤色"),
    "face_shape": ("face shape", "脸形"),
    "turn": ("head", "脸的朝向"),
    "smile": ("smile", "微笑"),
    "open_mouth": ("open mouth", "张嘴"),
    "glasses": ("glasses", "眼镜"),
    "freckles": ("freckles", "雀斑"),
    "shirt": ("shirt", "上衣"),
    "background": ("background", "背景"),
    # their values
    "no": ("no", "否"),
    "yes": ("yes", "是"),
    "black": ("black", "黑"),
    "brown": ("brown", "棕"),
    "blonde": ("blonde", "金"),
    "red": ("red", "红"),
    "blue": ("blue", "蓝"),
    "green": ("green", "绿"),
    "pink": ("pink", "粉"),
    "silver": ("silver", "银"),
    "violet": ("violet", "紫"),
    "white": ("white", "白"),
    "navy": ("navy", "藏青"),
    "yellow": ("yellow", "黄"),
    "purple": ("purple", "紫"),
    "short": ("short", "短"),
    "medium": ("medium", "中长"),
    "long": ("long", "长"),
    "fringe": ("fringe", "齐刘海"),
    "swept": ("swept", "斜刘海"),
    "parted": ("parted", "中分"),
    "curly": ("curly", "卷发"),
    "bun": ("bun", "丸子头"),
    "pale": ("pale", "白"),
    "light": ("light", "浅色"),
    "tan": ("tan", "小麦色"),
    "dark": ("dark", "深色"),
    "round": ("round", "圆"),
    "oval": ("oval", "鹅蛋形"),
    "pointed": ("pointed", "尖"),
    "left": ("left", "左"),
    "front": ("front", "前"),
    "right": ("right", "右"),
    "cream": ("cream", "米色"),
    "sky": ("sky blue", "天蓝"),
    "mint": ("mint", "薄荷"),
    "rose": ("rose", "玫瑰"),
    "lavender": ("lavender", "淡紫"),
    "slate": ("slate", "石板灰"),
    # printed lines
    "lab": (
        "{name} · device {device} · profile {profile} · data {data} · seed {seed}",
        "{name} · 设备 {device} · 配置 {profile} · 数据 {data} · 随机种子 {seed}",
    ),
    "images": ("{name}: {n} images of shape {shape}", "{name}：{n} 张图像，形状 {shape}"),
    "parameters": ("{name}: {n:,} trainable numbers", "{name}：{n:,} 个可训练参数"),
    "statistics": (
        "{name}: {n:,} batch-norm statistics (and {counters} counters of PyTorch)",
        "{name}：{n:,} 个批量归一化统计量（另有 PyTorch 的 {counters} 个计数器）",
    ),
    "climbed": ("climbed:", "爬到的："),
    "formula": ("formula:", "公式的："),
    "accuracy ± error": (
        "{p:.1%} ± {error:.1%}, {z:.1f} standard errors above ½",
        "{p:.1%} ± {error:.1%}，比 ½ 高出 {z:.1f} 个标准误差",
    ),
    "at step": ("step {step}: {text}", "第 {step} 步：{text}"),
    "constant samples": (
        "the samples are constant: their spread is {spread:.2%} of the data's",
        "生成的样本几乎全都一样：离散程度只有数据的 {spread:.2%}",
    ),
    "D has won": (
        "the discriminator has won: for {n} steps it was right about {accuracy:.1%} of all samples and gave the "
        "generated ones D(G(z)) ≤ {fake:.1g}",
        "判别器赢定了：{n} 步以来它判对 {accuracy:.1%} 的样本，给生成样本的 D(G(z)) ≤ {fake:.1g}",
    ),
    "loss of D at the end": ("loss of D, {name}: {loss:.3f}", "判别器损失（{name}）：{loss:.3f}"),
    "coverage": (
        "{name}: {seen.count} of {seen.classes} classes present, mean confidence {seen.confidence:.2f}",
        "{name}：出现 {seen.count} 类（共 {seen.classes} 类），平均置信度 {seen.confidence:.2f}",
    ),
}

_language = "en"


def check(lang: str) -> str:
    """`lang`, if the course has it.

    Raises:
        GanlibError: it has not.
    """
    if lang not in LANGUAGES:
        raise unknown("language", lang, LANGUAGES)
    return lang


def use(lang: str) -> None:
    """Choose the language of everything drawn or printed from now on: ``"en"`` or ``"zh"``."""
    global _language
    _language = check(lang)


def language() -> str:
    """The language in use."""
    return _language


def t(key: str, lang: str | None = None, **values: object) -> str:
    """The words behind a key.

    Args:
        key: one of `WORDS`.
        lang: ``"en"`` or ``"zh"``; by default the language in use.
        values: what the words' ``{…}`` are filled with.

    Raises:
        GanlibError: no such key or language, or a value is missing.
    """
    if key not in WORDS:
        raise unknown("label", key, WORDS)
    words = WORDS[key][LANGUAGES.index(check(lang or _language))]
    try:
        return words.format(**values) if values or "{" in words else words
    except KeyError as missing:
        raise GanlibError(
            f"label {key!r} was used without the value {missing.args[0]!r}; its words are {words!r}"
        ) from None


def word(key: str) -> str:
    """The words behind a key in the language in use, or the key itself where there are none."""
    return t(key) if key in WORDS else key
