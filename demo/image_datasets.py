"""The two datasets of single pictures: portraits of people who appear nowhere else."""

from __future__ import annotations

from unmask.demo.items import Group, Item, halves


def deepfake_images(seed: int, scale: float) -> Group:
    """Names without identity: every picture is of somebody else. The official test lies in a folder of its own."""
    items = []
    for folder, count in (("train-20250112T065955Z-001/train", 40), ("test-20250112T065939Z-001/test", 20)):
        for number, fake in halves(count, scale):
            key = f"{folder}/{number}"
            ending = "png" if number // 2 % 4 == 3 else "jpg"
            label = "fake" if fake else "real"
            items.append(
                Item(
                    dataset="deepfake_images",
                    path=f"Deepfake image detection dataset/{folder}/{label}/{number}.{ending}",
                    kind="image",
                    fake=fake,
                    who=("deepfake_images", key),
                    scene=("deepfake_images", key),
                    recipe="generated" if fake else "",
                    zoom=1.15,
                    sizes=((256, 256), (300, 260), (240, 300), (320, 320), (280, 320)),
                    qualities=(72, 95),
                )
            )
    return items


def archive(seed: int, scale: float) -> Group:
    items = []
    for folder, count in (("Train", 60), ("Validation", 20), ("Test", 20)):
        for number, fake in halves(count, scale):
            key = f"{folder}/{number}"
            name = f"Fake/fake_{number}" if fake else f"Real/real_{number}"
            recipe = ("deepfakes", "generated", "faceswap", "shifter")[number // 2 % 4]
            items.append(
                Item(
                    dataset="archive",
                    path=f"archive (2)/Dataset/{folder}/{name}.jpg",
                    kind="image",
                    fake=fake,
                    who=("archive", key),
                    scene=("archive", key),
                    donor=("archive", key, "donor") if fake else (),
                    recipe=recipe if fake else "",
                    zoom=1.3,
                    qualities=(75, 95),
                )
            )
    return items
