"""BibTeX entries of the known datasets and encoders: the one place where a citation is added.

ENTRIES holds each entry under its key, DATASETS the keys of a dataset, ENCODERS those of an encoder. Data sets that are
published without a paper are cited by where they lie.
"""

from __future__ import annotations

DATASETS: dict[str, tuple[str, ...]] = {
    "deepfake_images": ("bagchi_deepfake_images",),
    "archive": ("karki_deepfake_real", "le2021openforensics"),
    "faceforensics": ("roessler2019faceforensics",),
    "celeb_df": ("li2020celebdf",),
    "deepvoice": ("bird2023deepvoice",),
    "deepvoice_demo": ("bird2023deepvoice",),
    "fakeavceleb": ("khalid2021fakeavceleb",),
    "dfd_faces": ("dufour2019dfd",),
    "dff": ("dufour2019dfd",),
}
"""By the names of LAYOUTS."""

ENCODERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("gend", ("yermakov2025gend", "radford2021clip")),
    ("antideepfake", ("ge2025antideepfake", "baevski2020wav2vec2")),
    ("efficientnet", ("tan2019efficientnet",)),
    ("dinov3", ("simeoni2025dinov3",)),
    ("dinov2", ("oquab2024dinov2",)),
    ("siglip", ("zhai2023siglip",)),
    ("clip", ("radford2021clip",)),
    ("vit", ("dosovitskiy2021vit",)),
    ("resnet", ("he2016resnet",)),
    ("lfcc", ("sahidullah2015lfcc",)),
    ("whisper", ("radford2023whisper",)),
    ("xls-r", ("babu2022xlsr",)),
    ("mms", ("pratap2024mms",)),
    ("w2v-bert", ("seamless2023", "chung2021w2vbert")),
    ("wav2vec2", ("baevski2020wav2vec2",)),
    ("hubert", ("hsu2021hubert",)),
    ("wavlm", ("chen2022wavlm",)),
    ("data2vec", ("baevski2022data2vec",)),
    ("pe-av", ("vyas2025peav",)),
    ("minilm", ("wang2020minilm", "reimers2019sbert")),
    ("mpnet", ("song2020mpnet", "reimers2019sbert")),
    ("sbert", ("reimers2019sbert",)),
)
"""The first whose word is in the encoder's name or in the name of its weights, in lower case."""

UNPUBLISHED = ("metadata", "sync", "tiny_image", "tiny_audio", "tiny_text")
"""Encoders of this program, without a paper of their own."""

ENTRIES: dict[str, str] = {
    "unmask": """@software{unmask,
  title = {unmask: multimodal deepfake detection on cached tokens},
  author = {{The unmask developers}},
  version = {VERSION}
}""",
    "bagchi_deepfake_images": """@misc{bagchi_deepfake_images,
  title = {Deepfake image detection},
  author = {Bagchi, Saurabh},
  howpublished = {Kaggle, saurabhbagchi/deepfake-image-detection}
}""",
    "karki_deepfake_real": """@misc{karki_deepfake_real,
  title = {Deepfake and real images},
  author = {Karki, Manjil},
  howpublished = {Kaggle, manjilkarki/deepfake-and-real-images}
}""",
    "le2021openforensics": """@inproceedings{le2021openforensics,
  title = {{OpenForensics}: Large-Scale Challenging Dataset for Multi-Face Forgery Detection and Segmentation
    In-the-Wild},
  author = {Le, Trung-Nghia and Nguyen, Huy H. and Yamagishi, Junichi and Echizen, Isao},
  booktitle = {IEEE/CVF International Conference on Computer Vision (ICCV)},
  year = {2021}
}""",
    "roessler2019faceforensics": """@inproceedings{roessler2019faceforensics,
  title = {{FaceForensics++}: Learning to Detect Manipulated Facial Images},
  author = {R{\\"o}ssler, Andreas and Cozzolino, Davide and Verdoliva, Luisa and Riess, Christian and Thies, Justus
    and Nie{\\ss}ner, Matthias},
  booktitle = {IEEE/CVF International Conference on Computer Vision (ICCV)},
  year = {2019}
}""",
    "li2020celebdf": """@inproceedings{li2020celebdf,
  title = {{Celeb-DF}: A Large-Scale Challenging Dataset for {DeepFake} Forensics},
  author = {Li, Yuezun and Yang, Xin and Sun, Pu and Qi, Honggang and Lyu, Siwei},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2020}
}""",
    "bird2023deepvoice": """@misc{bird2023deepvoice,
  title = {Real-time Detection of {AI}-Generated Speech for {DeepFake} Voice Conversion},
  author = {Bird, Jordan J. and Lotfi, Ahmad},
  year = {2023},
  eprint = {2308.12734},
  archiveprefix = {arXiv}
}""",
    "khalid2021fakeavceleb": """@inproceedings{khalid2021fakeavceleb,
  title = {{FakeAVCeleb}: A Novel Audio-Video Multimodal Deepfake Dataset},
  author = {Khalid, Hasam and Tariq, Shahroz and Kim, Minha and Woo, Simon S.},
  booktitle = {NeurIPS Track on Datasets and Benchmarks},
  year = {2021},
  eprint = {2108.05080},
  archiveprefix = {arXiv}
}""",
    "dufour2019dfd": """@misc{dufour2019dfd,
  title = {Contributing Data to Deepfake Detection Research},
  author = {Dufour, Nick and Gully, Andrew},
  howpublished = {Google AI Blog},
  year = {2019}
}""",
    "tan2019efficientnet": """@inproceedings{tan2019efficientnet,
  title = {{EfficientNet}: Rethinking Model Scaling for Convolutional Neural Networks},
  author = {Tan, Mingxing and Le, Quoc V.},
  booktitle = {International Conference on Machine Learning (ICML)},
  year = {2019}
}""",
    "dosovitskiy2021vit": """@inproceedings{dosovitskiy2021vit,
  title = {An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale},
  author = {Dosovitskiy, Alexey and Beyer, Lucas and Kolesnikov, Alexander and Weissenborn, Dirk and Zhai, Xiaohua
    and Unterthiner, Thomas and Dehghani, Mostafa and Minderer, Matthias and Heigold, Georg and Gelly, Sylvain
    and Uszkoreit, Jakob and Houlsby, Neil},
  booktitle = {International Conference on Learning Representations (ICLR)},
  year = {2021}
}""",
    "he2016resnet": """@inproceedings{he2016resnet,
  title = {Deep Residual Learning for Image Recognition},
  author = {He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2016}
}""",
    "oquab2024dinov2": """@article{oquab2024dinov2,
  title = {{DINOv2}: Learning Robust Visual Features without Supervision},
  author = {Oquab, Maxime and Darcet, Timoth{\\'e}e and Moutakanni, Th{\\'e}o and others},
  journal = {Transactions on Machine Learning Research},
  year = {2024}
}""",
    "simeoni2025dinov3": """@misc{simeoni2025dinov3,
  title = {{DINOv3}},
  author = {Sim{\\'e}oni, Oriane and Vo, Huy V. and Seitzer, Maximilian and others},
  year = {2025},
  eprint = {2508.10104},
  archiveprefix = {arXiv}
}""",
    "radford2021clip": """@inproceedings{radford2021clip,
  title = {Learning Transferable Visual Models From Natural Language Supervision},
  author = {Radford, Alec and Kim, Jong Wook and Hallacy, Chris and others},
  booktitle = {International Conference on Machine Learning (ICML)},
  year = {2021}
}""",
    "zhai2023siglip": """@inproceedings{zhai2023siglip,
  title = {Sigmoid Loss for Language Image Pre-Training},
  author = {Zhai, Xiaohua and Mustafa, Basil and Kolesnikov, Alexander and Beyer, Lucas},
  booktitle = {IEEE/CVF International Conference on Computer Vision (ICCV)},
  year = {2023}
}""",
    "yermakov2025gend": """@misc{yermakov2025gend,
  title = {Deepfake Detection that Generalizes Across Benchmarks},
  author = {Yermakov, Andrii and Cech, Jan and Matas, Jiri and Fritz, Mario},
  year = {2025},
  eprint = {2508.06248},
  archiveprefix = {arXiv}
}""",
    "sahidullah2015lfcc": """@inproceedings{sahidullah2015lfcc,
  title = {A Comparison of Features for Synthetic Speech Detection},
  author = {Sahidullah, Md and Kinnunen, Tomi and Hanil{\\c{c}}i, Cemal},
  booktitle = {Interspeech},
  year = {2015}
}""",
    "radford2023whisper": """@inproceedings{radford2023whisper,
  title = {Robust Speech Recognition via Large-Scale Weak Supervision},
  author = {Radford, Alec and Kim, Jong Wook and Xu, Tao and Brockman, Greg and McLeavey, Christine
    and Sutskever, Ilya},
  booktitle = {International Conference on Machine Learning (ICML)},
  year = {2023}
}""",
    "baevski2020wav2vec2": """@inproceedings{baevski2020wav2vec2,
  title = {wav2vec 2.0: A Framework for Self-Supervised Learning of Speech Representations},
  author = {Baevski, Alexei and Zhou, Yuhao and Mohamed, Abdelrahman and Auli, Michael},
  booktitle = {Advances in Neural Information Processing Systems (NeurIPS)},
  year = {2020}
}""",
    "babu2022xlsr": """@inproceedings{babu2022xlsr,
  title = {{XLS-R}: Self-supervised Cross-lingual Speech Representation Learning at Scale},
  author = {Babu, Arun and Wang, Changhan and Tjandra, Andros and others},
  booktitle = {Interspeech},
  year = {2022}
}""",
    "pratap2024mms": """@article{pratap2024mms,
  title = {Scaling Speech Technology to 1,000+ Languages},
  author = {Pratap, Vineel and Tjandra, Andros and Shi, Bowen and others},
  journal = {Journal of Machine Learning Research},
  year = {2024}
}""",
    "seamless2023": """@misc{seamless2023,
  title = {Seamless: Multilingual Expressive and Streaming Speech Translation},
  author = {{Seamless Communication}},
  year = {2023},
  eprint = {2312.05187},
  archiveprefix = {arXiv}
}""",
    "chung2021w2vbert": """@inproceedings{chung2021w2vbert,
  title = {{W2v-BERT}: Combining Contrastive Learning and Masked Language Modeling for Self-Supervised Speech
    Pre-Training},
  author = {Chung, Yu-An and Zhang, Yu and Han, Wei and Chiu, Chung-Cheng and Qin, James and Pang, Ruoming
    and Wu, Yonghui},
  booktitle = {IEEE Automatic Speech Recognition and Understanding Workshop (ASRU)},
  year = {2021}
}""",
    "hsu2021hubert": """@article{hsu2021hubert,
  title = {{HuBERT}: Self-Supervised Speech Representation Learning by Masked Prediction of Hidden Units},
  author = {Hsu, Wei-Ning and Bolte, Benjamin and Tsai, Yao-Hung Hubert and Lakhotia, Kushal
    and Salakhutdinov, Ruslan and Mohamed, Abdelrahman},
  journal = {IEEE/ACM Transactions on Audio, Speech, and Language Processing},
  year = {2021}
}""",
    "chen2022wavlm": """@article{chen2022wavlm,
  title = {{WavLM}: Large-Scale Self-Supervised Pre-Training for Full Stack Speech Processing},
  author = {Chen, Sanyuan and Wang, Chengyi and Chen, Zhengyang and others},
  journal = {IEEE Journal of Selected Topics in Signal Processing},
  year = {2022}
}""",
    "baevski2022data2vec": """@inproceedings{baevski2022data2vec,
  title = {data2vec: A General Framework for Self-supervised Learning in Speech, Vision and Language},
  author = {Baevski, Alexei and Hsu, Wei-Ning and Xu, Qiantong and Babu, Arun and Gu, Jiatao and Auli, Michael},
  booktitle = {International Conference on Machine Learning (ICML)},
  year = {2022}
}""",
    "ge2025antideepfake": """@misc{ge2025antideepfake,
  title = {Post-training for Deepfake Speech Detection},
  author = {Ge, Wanying and Wang, Xin and Liu, Xuechen and Yamagishi, Junichi},
  year = {2025},
  eprint = {2506.21090},
  archiveprefix = {arXiv}
}""",
    "vyas2025peav": """@misc{vyas2025peav,
  title = {Pushing the Frontier of Audiovisual Perception with Large-Scale Multimodal Correspondence Learning},
  author = {Vyas, Apoorv and Chang, Heng-Jui and Yang, Cheng-Fu and others},
  year = {2025},
  eprint = {2512.19687},
  archiveprefix = {arXiv}
}""",
    "wang2020minilm": """@inproceedings{wang2020minilm,
  title = {{MiniLM}: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained Transformers},
  author = {Wang, Wenhui and Wei, Furu and Dong, Li and Bao, Hangbo and Yang, Nan and Zhou, Ming},
  booktitle = {Advances in Neural Information Processing Systems (NeurIPS)},
  year = {2020}
}""",
    "song2020mpnet": """@inproceedings{song2020mpnet,
  title = {{MPNet}: Masked and Permuted Pre-training for Language Understanding},
  author = {Song, Kaitao and Tan, Xu and Qin, Tao and Lu, Jianfeng and Liu, Tie-Yan},
  booktitle = {Advances in Neural Information Processing Systems (NeurIPS)},
  year = {2020}
}""",
    "reimers2019sbert": """@inproceedings{reimers2019sbert,
  title = {Sentence-{BERT}: Sentence Embeddings using Siamese {BERT}-Networks},
  author = {Reimers, Nils and Gurevych, Iryna},
  booktitle = {Conference on Empirical Methods in Natural Language Processing (EMNLP-IJCNLP)},
  year = {2019}
}""",
}
